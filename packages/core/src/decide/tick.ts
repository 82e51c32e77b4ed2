import type { Event } from "@lockstep/protocol";
import { DelayEndCause, LossReason, SessionState, TicketEnd } from "@lockstep/protocol";
import { endLeases } from "../dataset/ack.ts";
import { decideCheckpoint } from "../dataset/checkpoint.ts";
import { endWaitInTime } from "../dataset/waits.ts";
import type { Now } from "../op.ts";
import { delayEndsAtMs } from "../state/delay.ts";
import type { Due } from "../state/due.ts";
import { areLimitsRunning, SERVED_TIME_EVERY_MS, servedMs } from "../state/served-time.ts";
import type { NamespaceState } from "../state/state.ts";
import { blockersOf } from "../view/blockers.ts";
import { addQuarantineForLosses } from "./automatic-quarantine.ts";
import { Draft, type Facts } from "./decision.ts";
import { addDelayEnded, addLost, addSessionEnded, addTicketEnded } from "./endings.ts";

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
    case "maxHold":
      return decideMaxHold(state, due.id, now);
    case "delay":
      return decideDelay(state, due.id, now);
    case "servedTime":
      return decideServedTime(state, now, facts);
    case "forget":
      return decideForget(state, due.id, now);
    case "grantPause":
      state.grantsFromMs = Number.NEGATIVE_INFINITY;
      // Whoever came meanwhile waits, for free keys too. The grants are made by the step, as ever.
      for (const key of state.keys.keys()) state.freed.add(key);
      return NOTHING;
    case "checkpoint":
      return decideCheckpoint(state, due, now);
    case "replicaLease":
      return { events: [], againAtMs: endLeases(state, due.id, due.atMs, now) };
    case "replicationWait":
      return { events: [], againAtMs: endWaitInTime(state, due.id, now) };
  }
}

function decideLease(state: NamespaceState, sessionId: bigint, now: Now): DueDecision {
  const session = state.sessions.get(sessionId);
  if (session === undefined || session.state !== SessionState.ACTIVE) return NOTHING;
  const deadlineMs = session.renewedAtMs + session.ttlMs;
  if (now.monotonicMs < deadlineMs) return { events: [], againAtMs: deadlineMs };
  const draft = new Draft(state.revision, now);
  addSessionEnded(draft, session, SessionState.EXPIRED);
  addQuarantineForLosses(state, draft, session, now);
  return { events: draft.events, againAtMs: undefined };
}

function decideWait(state: NamespaceState, ticketId: bigint, now: Now): DueDecision {
  const ticket = state.tickets.get(ticketId);
  if (ticket === undefined) return NOTHING;
  if (now.monotonicMs < ticket.deadlineMs) return { events: [], againAtMs: ticket.deadlineMs };
  const draft = new Draft(state.revision, now);
  const blockers = blockersOf(state, { ...ticket, ticketId });
  addTicketEnded(draft, ticket, TicketEnd.WAIT_TIMED_OUT, { blockers });
  return { events: draft.events, againAtMs: undefined };
}

function decideMaxHold(state: NamespaceState, holdId: bigint, now: Now): DueDecision {
  const hold = state.holds.get(holdId);
  if (hold === undefined) return NOTHING;
  if (now.monotonicMs < hold.heldUntilMs) return { events: [], againAtMs: hold.heldUntilMs };
  const draft = new Draft(state.revision, now);
  addLost(draft, hold, LossReason.MAX_HOLD);
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

/** While a limit runs that does not count time without a server, the time with one is written down. */
function decideServedTime(
  state: NamespaceState,
  now: Now,
  { durableRevision }: Facts,
): DueDecision {
  if (!areLimitsRunning(state, now)) {
    state.isServedTimeDue = false;
    return NOTHING;
  }
  const draft = new Draft(state.revision, now);
  draft.add({
    case: "servedTimeAdvanced",
    value: {
      $typeName: "lockstep.v1.ServedTimeAdvanced",
      servedMs: BigInt(Math.floor(servedMs(state, now))),
      durableRevision,
    },
  });
  return { events: draft.events, againAtMs: now.monotonicMs + SERVED_TIME_EVERY_MS };
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
