import { type Event, SessionState } from "@lockstep/protocol";
import { apply } from "./apply/apply.ts";
import { invariant } from "./apply/invariant.ts";
import { decide } from "./decide/decide.ts";
import { type Decision, Draft, type Facts } from "./decide/decision.ts";
import { nextGrant } from "./decide/grants.ts";
import { DELAY_PROGRESS_MS, decideDue, FORGET_AFTER_MS } from "./decide/tick.ts";
import type { Now, Op, OpKind } from "./op.ts";
import { delayEndsAtMs } from "./state/delay.ts";
import { remind } from "./state/reminders.ts";
import type { Delay, NamespaceState } from "./state/state.ts";

/** What one operation led to: its own events, then the grants they made possible. */
export interface Step<K extends OpKind = OpKind> {
  readonly events: readonly Event[];
  readonly answer: Decision<K>["answer"];
}

/**
 * Takes one operation through: decide, apply, and grant what became free. All its events belong into
 * one batch.
 *
 * @throws Refusal when the operation is not executed; InvariantError when the state must not be used
 *   any more.
 */
export function step<K extends OpKind>(
  state: NamespaceState,
  op: Op<K>,
  now: Now,
  facts: Facts,
): Step<K> {
  const { events, answer } = decide(state, op as Op, now, facts) as unknown as Decision<K>;
  if (events.length === 0) return { events, answer };
  const all = [...events];
  for (const event of events) applyLive(state, event, now);
  settle(state, now, all);
  return { events: all, answer };
}

/** The first event of an epoch. */
export type EpochStartedEvent = Event & { body: Extract<Event["body"], { case: "epochStarted" }> };

/** How many events a tick makes at most before it leaves the rest to the next one. */
const TICK_EVENTS_MAX = 8_192;

/** Takes what is due through. `more` says that the tick stopped at its bound and should be repeated. */
export function tick(
  state: NamespaceState,
  now: Now,
  facts: Facts,
): { events: readonly Event[]; more: boolean } {
  const all: Event[] = [];
  while (all.length < TICK_EVENTS_MAX) {
    const due = state.due.take(now.monotonicMs);
    if (due === undefined) {
      settle(state, now, all);
      return { events: all, more: false };
    }
    const { events, againAtMs } = decideDue(state, due, now, facts);
    if (againAtMs !== undefined) {
      invariant(againAtMs > now.monotonicMs, `${due.kind} ${due.id} comes up for ever`);
      state.due.add({ ...due, atMs: againAtMs });
    }
    for (const event of events) {
      applyLive(state, event, now);
      all.push(event);
    }
    settle(state, now, all);
  }
  return { events: all, more: true };
}

/**
 * Starts an epoch on a state that has been rebuilt: sessions get their full time to live, waits and
 * delays go on. `event` is what `epochStarted` built, durable by now.
 */
export function startEpoch(state: NamespaceState, event: Event, now: Now): readonly Event[] {
  apply(state, event);
  state.grantsFromMs = now.monotonicMs + state.grantPauseMs;
  if (state.grantPauseMs > 0) remind(state, "grantPause", 0n, state.grantsFromMs);
  for (const session of state.sessions.values()) {
    session.renewedAtMs = now.monotonicMs;
    if (session.state === SessionState.ACTIVE)
      remind(state, "lease", session.id, now.monotonicMs + session.ttlMs);
    else remind(state, "forget", session.id, now.monotonicMs + FORGET_AFTER_MS);
  }
  for (const ticket of state.tickets.values()) {
    ticket.deadlineMs = now.monotonicMs + ticket.waitMs;
    remind(state, "wait", ticket.id, ticket.deadlineMs);
  }
  for (const delay of state.delays.values()) {
    delay.consumedBeforeMs = delay.consumedMs;
    delay.sinceMs = now.monotonicMs;
    remindDelay(state, delay, now);
  }
  const events = [event];
  settle(state, now, events);
  return events;
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

function settle(state: NamespaceState, now: Now, events: Event[]): void {
  for (let event = nextGrant(state, now); event !== undefined; event = nextGrant(state, now)) {
    applyLive(state, event, now);
    events.push(event);
  }
}

/** Applies an event that was decided here and now, and sets the volatile deadlines that go with it. */
function applyLive(state: NamespaceState, event: Event, now: Now): void {
  apply(state, event);
  const { body } = event;
  if (body.case === "sessionOpened") {
    const session = state.sessions.get(body.value.sessionId);
    if (session === undefined) return;
    session.renewedAtMs = now.monotonicMs;
    remind(state, "lease", session.id, now.monotonicMs + session.ttlMs);
  } else if (body.case === "sessionEnded") {
    remind(state, "forget", body.value.sessionId, now.monotonicMs + FORGET_AFTER_MS);
  } else if (body.case === "lockQueued") {
    const ticket = state.tickets.get(body.value.ticketId);
    if (ticket === undefined) return;
    ticket.deadlineMs = now.monotonicMs + ticket.waitMs;
    remind(state, "wait", ticket.id, ticket.deadlineMs);
  } else if (body.case === "lockLost" && body.value.delayed) {
    const delay = state.delays.get(body.value.holdId);
    if (delay !== undefined) remindDelay(state, delay, now);
  }
}

function remindDelay(state: NamespaceState, delay: Delay, now: Now): void {
  const { id } = delay.hold;
  remind(state, "delay", id, delayEndsAtMs(delay));
  remind(state, "delayProgress", id, now.monotonicMs + DELAY_PROGRESS_MS);
}
