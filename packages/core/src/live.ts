import type { Event } from "@lockstep/protocol";
import { apply } from "./apply/apply.ts";
import { runDataset } from "./dataset/live.ts";
import { Deadlocks, mayCloseCircle } from "./decide/deadlock.ts";
import { Draft } from "./decide/decision.ts";
import { addTicketEnded } from "./decide/endings.ts";
import { grantOf, takeGrantable } from "./decide/grants.ts";
import { FORGET_AFTER_MS } from "./decide/tick.ts";
import type { Now } from "./op.ts";
import { remind } from "./state/reminders.ts";
import { runDelay, runMaxHold } from "./state/served-time.ts";
import type { NamespaceState } from "./state/state.ts";
import type { Ticket } from "./state/ticket.ts";

/** Ends waits until nobody waits in a circle that the events of an operation have closed. */
export function breakCircles(state: NamespaceState, now: Now, events: Event[]): void {
  // Whoever cannot wait any longer closes no circle.
  endDoomed(state, now, events);
  if (!mayCloseCircle(events)) return;
  const deadlocks = new Deadlocks(state, events);
  for (let end = deadlocks.next(now); end !== undefined; end = deadlocks.next(now))
    take(state, end, now, events);
}

/**
 * Takes through what an operation's own events lead to: waits that have become impossible end, and what
 * became free is granted.
 */
export function settle(state: NamespaceState, now: Now, events: Event[]): void {
  while (state.doomed.size > 0 || state.freed.size > 0) {
    endDoomed(state, now, events);
    const granted = takeGrantable(state);
    if (granted.length === 0) return;
    for (const ticket of granted) take(state, grantOf(state, ticket, now), now, events);
  }
}

function endDoomed(state: NamespaceState, now: Now, events: Event[]): void {
  if (state.doomed.size === 0) return;
  for (const [ticketId, end] of state.doomed) {
    const draft = new Draft(state.revision, now);
    addTicketEnded(draft, state.tickets.get(ticketId) as Ticket, end);
    for (const event of draft.events) take(state, event, now, events);
  }
}

/** Applies an event that was decided here and now, and adds it to those of its step. */
export function take(state: NamespaceState, event: Event, now: Now, events: Event[]): void {
  applyLive(state, event, now);
  events.push(event);
}

/** Applies an event that was decided here and now, and sets the volatile deadlines that go with it. */
export function applyLive(state: NamespaceState, event: Event, now: Now): void {
  apply(state, event);
  const { body } = event;
  switch (body.case) {
    case "sessionOpened": {
      const session = state.sessions.get(body.value.sessionId);
      if (session === undefined) return;
      session.renewedAtMs = now.monotonicMs;
      remind(state, "lease", session.id, now.monotonicMs + session.ttlMs);
      return;
    }
    case "sessionEnded":
      remind(state, "forget", body.value.sessionId, now.monotonicMs + FORGET_AFTER_MS);
      return;
    case "lockQueued":
    case "convertQueued": {
      const ticket = state.tickets.get(body.value.ticketId);
      if (ticket !== undefined) runWait(state, ticket, now);
      return;
    }
    case "lockGranted": {
      if (body.value.terms === undefined || body.value.terms.maxHoldMs === 0n) return;
      const hold = state.holds.get(body.value.holdId);
      if (hold !== undefined) runMaxHold(state, hold, now);
      return;
    }
    case "lockLost": {
      const delay = state.delays.get(body.value.holdId);
      const session = state.sessions.get(body.value.sessionId);
      if (delay !== undefined && session !== undefined)
        runDelay(state, delay, now, session.renewedAtMs);
      return;
    }
    // Nothing of them is volatile, and they are many.
    case "lockReleased":
      return;
    default:
      runDataset(state, event, now);
  }
}

/** Lets a wait run from now on. */
export function runWait(state: NamespaceState, ticket: Ticket, now: Now): void {
  ticket.deadlineMs = now.monotonicMs + ticket.waitMs;
  remind(state, "wait", ticket.id, ticket.deadlineMs);
}
