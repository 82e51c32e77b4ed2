import type { Event } from "@lockstep/protocol";
import { DelayEndCause, SessionState, TicketEnd } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { delayConsumedMs, delayEndsAtMs } from "../state/delay.ts";
import type { Due } from "../state/due.ts";
import type { NamespaceState } from "../state/state.ts";
import { Draft, type Facts } from "./decision.ts";
import { addDelayEnded, addSessionEnded, addTicketEnded } from "./endings.ts";

/** How often a running delay journals what it has used up; the contract asks for 10 s at the least. */
export const DELAY_PROGRESS_MS = 5_000;

/** How long an ended session is remembered. */
export const FORGET_AFTER_MS = 3_600_000;

/** What a reminder leads to. */
export interface DueDecision {
  readonly events: readonly Event[];
  /** When to look again; undefined when there is nothing more to look at. */
  readonly againAtMs: number | undefined;
}

const NOTHING: DueDecision = { events: [], againAtMs: undefined };

/** Looks at what a reminder names and decides whether its time has come. */
export function decideDue(state: NamespaceState, due: Due, now: Now, facts: Facts): DueDecision {
  switch (due.kind) {
    case "lease":
      return decideLease(state, due.id, now);
    case "wait":
      return decideWait(state, due.id, now);
    case "delay":
      return decideDelay(state, due.id, now);
    case "delayProgress":
      return decideDelayProgress(state, due.id, now, facts);
    case "forget":
      return decideForget(state, due.id, now);
    case "grantPause":
      // The grants themselves are made by the step, as after every event.
      return NOTHING;
  }
}

function decideLease(state: NamespaceState, sessionId: bigint, now: Now): DueDecision {
  const session = state.sessions.get(sessionId);
  if (session === undefined || session.state !== SessionState.ACTIVE) return NOTHING;
  const deadlineMs = session.renewedAtMs + session.ttlMs;
  if (now.monotonicMs < deadlineMs) return { events: [], againAtMs: deadlineMs };
  const draft = new Draft(state.revision, now);
  addSessionEnded(draft, session, SessionState.EXPIRED);
  return { events: draft.events, againAtMs: undefined };
}

function decideWait(state: NamespaceState, ticketId: bigint, now: Now): DueDecision {
  const ticket = state.tickets.get(ticketId);
  if (ticket === undefined) return NOTHING;
  if (now.monotonicMs < ticket.deadlineMs) return { events: [], againAtMs: ticket.deadlineMs };
  const draft = new Draft(state.revision, now);
  addTicketEnded(draft, ticket, TicketEnd.WAIT_TIMED_OUT);
  return { events: draft.events, againAtMs: undefined };
}

function decideDelay(state: NamespaceState, holdId: bigint, now: Now): DueDecision {
  const delay = state.delays.get(holdId);
  if (delay === undefined) return NOTHING;
  // Not by what remains: added to now, a rest below the clock's precision gives now again, for ever.
  const endsAtMs = delayEndsAtMs(delay);
  if (now.monotonicMs < endsAtMs) return { events: [], againAtMs: endsAtMs };
  const draft = new Draft(state.revision, now);
  addDelayEnded(draft, delay, DelayEndCause.ELAPSED);
  return { events: draft.events, againAtMs: undefined };
}

/** Only for a durable loss: until then a keep-alive may still start the delay again. */
function decideDelayProgress(
  state: NamespaceState,
  holdId: bigint,
  now: Now,
  facts: Facts,
): DueDecision {
  const delay = state.delays.get(holdId);
  if (delay === undefined) return NOTHING;
  const againAtMs = now.monotonicMs + DELAY_PROGRESS_MS;
  const consumedMs = Math.floor(delayConsumedMs(delay, now.monotonicMs));
  if (delay.lostRevision > facts.durableRevision || consumedMs <= delay.consumedMs)
    return { events: [], againAtMs };
  const draft = new Draft(state.revision, now);
  draft.add({
    case: "delayProgressed",
    value: { $typeName: "lockstep.v1.DelayProgressed", holdId, consumedMs: BigInt(consumedMs) },
  });
  return { events: draft.events, againAtMs };
}

/** A session is remembered at least as long as a delay of it runs. */
function decideForget(state: NamespaceState, sessionId: bigint, now: Now): DueDecision {
  const session = state.sessions.get(sessionId);
  if (session === undefined) return NOTHING;
  if (session.delays.size > 0) return { events: [], againAtMs: now.monotonicMs + FORGET_AFTER_MS };
  const draft = new Draft(state.revision, now);
  draft.add({
    case: "sessionForgotten",
    value: { $typeName: "lockstep.v1.SessionForgotten", sessionId },
  });
  return { events: draft.events, againAtMs: undefined };
}
