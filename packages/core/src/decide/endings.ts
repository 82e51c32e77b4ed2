import {
  type Blocker,
  DelayEndCause,
  type LockTarget,
  LossReason,
  OnLossAction,
  SessionState,
  TicketEnd,
} from "@lockstep/protocol";
import type { Delay } from "../state/delay.ts";
import type { Hold } from "../state/hold.ts";
import type { SessionRecord } from "../state/session.ts";
import type { Ticket } from "../state/ticket.ts";
import type { Draft } from "./decision.ts";

/** Adds that a hold was entered again by this request, or, with none, left once; gives the new count. */
export function addCountChanged(draft: Draft, hold: Hold, enteredRequestId = 0n): number {
  const count = enteredRequestId === 0n ? hold.count - 1 : hold.count + 1;
  draft.add({
    case: "holdCountChanged",
    value: {
      $typeName: "lockstep.v1.HoldCountChanged",
      holdId: hold.id,
      sessionId: hold.sessionId,
      count,
      targets: [...hold.targets],
      enteredRequestId,
    },
  });
  return count;
}

/** Adds the end of a hold by its holder's wish. */
export function addReleased(draft: Draft, hold: Hold): void {
  draft.add({
    case: "lockReleased",
    value: {
      $typeName: "lockstep.v1.LockReleased",
      holdId: hold.id,
      token: hold.token,
      sessionId: hold.sessionId,
      // What is journaled is read only, as these are.
      targets: hold.targets as LockTarget[],
    },
  });
}

/**
 * Adds the end of a hold against its holder's wish, with what it was taken under. Its keys stay blocked
 * until its client must have noticed, but for two: the own deadline of the client of an expired session
 * has passed, and an operator may know that it is dead (`immediate`).
 */
export function addLost(draft: Draft, hold: Hold, reason: LossReason, immediate = false): void {
  draft.add({
    case: "lockLost",
    value: {
      $typeName: "lockstep.v1.LockLost",
      holdId: hold.id,
      token: hold.token,
      sessionId: hold.sessionId,
      targets: [...hold.targets],
      reason,
      delayed: !immediate && reason !== LossReason.SESSION_EXPIRED,
      lockDelayMs: immediate ? 0n : BigInt(hold.onLoss.delayMs),
      quarantined: hold.onLoss.action === OnLossAction.QUARANTINE,
      immediate,
    },
  });
}

/** Adds the end of a wait without a grant. */
export function addTicketEnded(
  draft: Draft,
  ticket: Ticket,
  end: TicketEnd,
  { blockers = [], cycle = [] }: { blockers?: Blocker[]; cycle?: Blocker[] } = {},
): void {
  draft.add({
    case: "ticketEnded",
    value: {
      $typeName: "lockstep.v1.TicketEnded",
      ticketId: ticket.id,
      sessionId: ticket.sessionId,
      requestId: ticket.requestId,
      targets: [...ticket.targets],
      end,
      blockers,
      cycle,
    },
  });
}

/** Adds the end of a delay: its keys are free. */
export function addDelayEnded(draft: Draft, delay: Delay, cause: DelayEndCause): void {
  draft.add({
    case: "delayEnded",
    value: {
      $typeName: "lockstep.v1.DelayEnded",
      holdId: delay.hold.id,
      targets: [...delay.hold.targets],
      cause,
    },
  });
}

/**
 * Adds the end of a session and of all it holds and waits for. Closed, its holds are released and its
 * delays over: the application says that it stopped. Otherwise its holds are lost.
 */
export function addSessionEnded(
  draft: Draft,
  session: SessionRecord,
  state: SessionState.CLOSED | SessionState.EXPIRED | SessionState.REVOKED,
): void {
  draft.add({
    case: "sessionEnded",
    value: { $typeName: "lockstep.v1.SessionEnded", sessionId: session.id, state },
  });
  for (const ticket of session.tickets.values())
    addTicketEnded(draft, ticket, TicketEnd.SESSION_ENDED);
  if (state !== SessionState.CLOSED) {
    const reason =
      state === SessionState.EXPIRED ? LossReason.SESSION_EXPIRED : LossReason.SESSION_REVOKED;
    for (const hold of session.holds.values()) addLost(draft, hold, reason);
    return;
  }
  for (const hold of session.holds.values()) addReleased(draft, hold);
  for (const delay of session.delays.values()) addDelayEnded(draft, delay, DelayEndCause.CONFIRMED);
}
