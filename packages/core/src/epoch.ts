import { type Event, SessionState } from "@lockstep/protocol";
import { apply } from "./apply/apply.ts";
import { startDatasets } from "./dataset/live.ts";
import { Draft } from "./decide/decision.ts";
import { FORGET_AFTER_MS } from "./decide/tick.ts";
import { runWait, settle } from "./live.ts";
import type { Now } from "./op.ts";
import { remind } from "./state/reminders.ts";
import { consumedMs, remindServedTime, runDelay, runMaxHold } from "./state/served-time.ts";
import type { NamespaceState } from "./state/state.ts";

/** The first event of an epoch. */
export type EpochStartedEvent = Event & { body: Extract<Event["body"], { case: "epochStarted" }> };

/** How many sessions may come to their end together after a recovery; the rest is spread. */
const EXPIRIES_AT_ONCE = 1_000;

/** Over how long the ends of all further sessions are spread. */
const EXPIRIES_SPREAD_MS = 1_000;

/**
 * Starts an epoch on a state that has been rebuilt: sessions get their full time to live, waits, longest
 * times and delays go on. `event` is what `epochStarted` built, durable by now.
 */
export function startEpoch(state: NamespaceState, event: Event, now: Now): readonly Event[] {
  apply(state, event);
  state.epochStartedAtMs = now.monotonicMs;
  state.servedBeforeMs = state.servedMs;
  startGrantPause(state, now);
  startSessions(state, now);
  for (const ticket of state.tickets.values()) runWait(state, ticket, now);
  for (const hold of state.holds.values())
    if (hold.maxHoldMs > 0) runMaxHold(state, hold, now, consumedMs(state, hold));
  for (const delay of state.delays.values())
    runDelay(state, delay, now, now.monotonicMs, consumedMs(state, delay));
  for (const key of state.keys.keys()) state.freed.add(key);
  startDatasets(state, now);
  const events = [event];
  settle(state, now, events);
  return events;
}

/** A restart neither cuts the pause of a new lineage short nor begins it anew. */
function startGrantPause(state: NamespaceState, now: Now): void {
  const usedMs = state.servedMs - state.grantPauseServedFromMs;
  const leftMs = state.grantPauseMs - usedMs;
  if (leftMs <= 0) return;
  state.grantsFromMs = now.monotonicMs + leftMs;
  remind(state, "grantPause", 0n, state.grantsFromMs);
  remindServedTime(state, now);
}

/**
 * When many clients are gone, their sessions do not all expire in one moment: those beyond
 * `EXPIRIES_AT_ONCE` are looked at a little later, which is always safe.
 */
function startSessions(state: NamespaceState, now: Now): void {
  const spread = state.activeSessions - EXPIRIES_AT_ONCE;
  let place = 0;
  for (const session of state.sessions.values()) {
    session.renewedAtMs = now.monotonicMs;
    if (session.state !== SessionState.ACTIVE) {
      remind(state, "forget", session.id, now.monotonicMs + FORGET_AFTER_MS);
      continue;
    }
    place += 1;
    const laterMs = (EXPIRIES_SPREAD_MS * Math.max(0, place - EXPIRIES_AT_ONCE)) / spread;
    const extraMs = place > EXPIRIES_AT_ONCE ? laterMs : 0;
    remind(state, "lease", session.id, now.monotonicMs + session.ttlMs + extraMs);
  }
}

/** Builds the first event of an epoch. `revision` is one above the last, unless a lineage begins. */
export function epochStarted(
  revision: bigint,
  now: Now,
  value: Omit<EpochStartedEvent["body"]["value"], "$typeName">,
): EpochStartedEvent {
  const draft = new Draft(revision - 1n, now);
  const event = draft.add({
    case: "epochStarted",
    value: { $typeName: "lockstep.v1.EpochStarted", ...value },
  });
  return event as EpochStartedEvent;
}
