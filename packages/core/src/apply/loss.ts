import {
  type DelayEnded,
  type Event,
  HoldEnd,
  type LockLost,
  ReleaseOutcome,
  type ServedTimeAdvanced,
  SessionState,
  TicketEnd,
} from "@lockstep/protocol";
import type { Delay } from "../state/delay.ts";
import type { Hold } from "../state/hold.ts";
import { addDelay, removeDelay, setQuarantine } from "../state/key.ts";
import { LOST_HOLDS_MAX, noteNews, type SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { invariant, required } from "./invariant.ts";
import { doomWaiters, freed, keepCause, keyOf, remember, sessionOf, takeHold } from "./records.ts";

export function applyLockLost(state: NamespaceState, event: Event, body: LockLost): void {
  const { session, hold } = takeHold(state, event, body.holdId, HoldEnd.LOST);
  remember(session, session.lost, hold.id, { hold, reason: body.reason }, LOST_HOLDS_MAX);
  if (session.state === SessionState.ACTIVE) noteNews(session, event.revision);
  if (body.delayed || body.lockDelayMs > 0n) startDelay(state, event, body, session, hold);
  if (body.quarantined) quarantineKeys(state, event, body, hold);
}

export function applyDelayEnded(state: NamespaceState, event: Event, body: DelayEnded): void {
  const delay = required(state.delays.get(body.holdId), "delay of hold", body.holdId);
  const session = sessionOf(state, delay.hold.sessionId);
  state.delays.delete(body.holdId);
  state.uncountedDelays.delete(delay);
  session.delays.delete(body.holdId);
  for (const target of delay.hold.targets) removeDelay(keyOf(state, target.key), delay, target);
  freed(state, delay.hold.targets);
  if (session.state !== SessionState.ACTIVE) return;
  keepCause(session, event, {
    kind: "release",
    outcome: ReleaseOutcome.LOST,
    reason: delay.reason,
    count: 0,
  });
}

/**
 * Counts the time served. What began before is counted from here on; what it had used up by now is
 * forgotten in its favour.
 */
export function applyServedTimeAdvanced(state: NamespaceState, body: ServedTimeAdvanced): void {
  const servedMs = Number(body.servedMs);
  invariant(servedMs >= state.servedMs, () => `the time served fell from ${state.servedMs} ms`);
  state.servedMs = servedMs;
  // What is written is cut to whole milliseconds: counted from the next one, never too much is used up.
  const fromMs = servedMs + 1;
  for (const hold of state.uncountedHolds) hold.servedFromMs = fromMs;
  state.uncountedHolds.clear();
  for (const delay of state.uncountedDelays) {
    // Until its loss is durable, a keep-alive that does not tell it starts it again.
    if (delay.lostRevision > body.durableRevision) continue;
    delay.servedFromMs = fromMs;
    state.uncountedDelays.delete(delay);
  }
}

function startDelay(
  state: NamespaceState,
  event: Event,
  body: LockLost,
  session: SessionRecord,
  hold: Hold,
): void {
  const delay: Delay = {
    hold,
    reason: body.reason,
    lostRevision: event.revision,
    lostAtMs: Number(event.decidedAtMs),
    confirmMs: body.delayed ? session.ttlMs : 0,
    lockDelayMs: Number(body.lockDelayMs),
    servedFromMs: undefined,
    unconfirmedUntilMs: Number.POSITIVE_INFINITY,
    lockDelayUntilMs: Number.POSITIVE_INFINITY,
  };
  state.delays.set(hold.id, delay);
  state.uncountedDelays.add(delay);
  session.delays.set(hold.id, delay);
  for (const target of hold.targets) addDelay(keyOf(state, target.key), delay, target);
}

/** Quarantines the keys; of several losses the last names the quarantine, so that each is looked at. */
function quarantineKeys(state: NamespaceState, event: Event, body: LockLost, hold: Hold): void {
  for (const { key } of hold.targets) {
    const record = keyOf(state, key);
    setQuarantine(record, {
      revision: event.revision,
      holdId: hold.id,
      token: hold.token,
      sessionId: hold.sessionId,
      reason: body.reason,
      sinceMs: Number(event.decidedAtMs),
    });
    state.quarantinedKeys.add(key);
    state.quarantinedKeyOrder.note(key);
    doomWaiters(state, record, TicketEnd.KEY_QUARANTINED);
  }
}
