import {
  type AcquireRefused,
  type ConvertQueued,
  type LockQueued,
  TicketEnd,
  type TicketEnded,
} from "@lockstep/protocol";
import { nameIn } from "../name-in.ts";
import { durationText } from "../time.ts";
import { blockersText, type Facts, targetFacts } from "./facts.ts";

/** Events of those who wait. */
export const ticketEvents = {
  lockQueued: ({ targets, ticketId, sessionId, owner, waitMs }: LockQueued): Facts => ({
    ...targetFacts(targets),
    ticket: String(ticketId),
    session: String(sessionId),
    owner,
    wait: durationText(waitMs),
  }),
  convertQueued: ({ target, ticketId, sessionId, holdId, waitMs }: ConvertQueued): Facts => ({
    ...targetFacts(target ? [target] : []),
    ticket: String(ticketId),
    session: String(sessionId),
    hold: String(holdId),
    wait: durationText(waitMs),
  }),
  ticketEnded: ({ targets, ticketId, sessionId, end, blockers, cycle }: TicketEnded): Facts => ({
    ...targetFacts(targets),
    ticket: String(ticketId),
    session: String(sessionId),
    end: nameIn(TicketEnd, end),
    blockers: blockersText(blockers),
    cycle: blockersText(cycle),
  }),
  acquireRefused: ({ sessionId, acquireRequestId }: AcquireRefused): Facts => ({
    session: String(sessionId),
    request: String(acquireRequestId),
  }),
};
