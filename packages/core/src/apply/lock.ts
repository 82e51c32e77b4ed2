import {
  type AcquireRefused,
  CancelOutcome,
  type DelayEnded,
  type Event,
  type LockGranted,
  type LockLost,
  type LockQueued,
  type LockReleased,
  type LockTarget,
  LossReason,
  ReleaseOutcome,
  SessionState,
  TicketEnd,
  type TicketEnded,
} from "@lockstep/protocol";
import { deniedAs } from "../state/denied.ts";
import { heldBytes } from "../state/held-bytes.ts";
import type { Result } from "../state/outcome.ts";
import type {
  Delay,
  Hold,
  KeyRecord,
  NamespaceState,
  SessionRecord,
  Ticket,
} from "../state/state.ts";
import { LOST_HOLDS_MAX, RELEASED_HOLDS_MAX } from "../state/state.ts";
import { invariant, required } from "./invariant.ts";

export function applyLockQueued(state: NamespaceState, event: Event, body: LockQueued): void {
  const session = sessionOf(state, body.sessionId);
  invariant(session.state === SessionState.ACTIVE, `ended session ${session.id} began to wait`);
  const ticket: Ticket = {
    id: body.ticketId,
    sessionId: body.sessionId,
    requestId: body.requestId,
    owner: body.owner,
    targets: body.targets,
    queuedAtMs: Number(event.decidedAtMs),
    correlationId: event.correlationId,
    fingerprint: event.journalOnly?.contentFingerprint ?? 0n,
    waitMs: Number(body.waitMs),
    deadlineMs: Number.POSITIVE_INFINITY,
  };
  state.tickets.set(ticket.id, ticket);
  session.tickets.set(ticket.id, ticket);
  session.heldBytes += heldBytes(ticket);
  if (ticket.owner !== "") session.busyOwners.set(ticket.owner, ticket.id);
  for (const { key } of ticket.targets) {
    const record = keyOf(state, key);
    record.queue.set(ticket.id, ticket);
    // Only while a new lineage grants nothing does anybody queue for a free key.
    if (record.holds.length + record.delays.length === 0) state.freed.add(key);
  }
  keep(session, ticket.requestId, ticket.fingerprint, { kind: "waiting", ticketId: ticket.id });
}

export function applyLockGranted(state: NamespaceState, event: Event, body: LockGranted): void {
  const session = sessionOf(state, body.sessionId);
  invariant(
    session.state === SessionState.ACTIVE,
    `ended session ${session.id} was granted a lock`,
  );
  const ticket = body.ticketId === 0n ? undefined : takeTicket(state, body.ticketId);
  const hold: Hold = {
    id: body.holdId,
    token: body.token,
    sessionId: body.sessionId,
    requestId: body.requestId,
    owner: body.owner,
    targets: body.targets,
    grantedAtMs: Number(event.decidedAtMs),
    correlationId: event.correlationId,
  };
  invariant(
    hold.token === event.revision,
    `token ${hold.token} is not its revision ${event.revision}`,
  );
  for (const { key } of hold.targets) {
    const record = keyOf(state, key);
    invariant(
      record.holds.length + record.delays.length === 0,
      `key ${JSON.stringify(key)} was granted twice`,
    );
    record.holds.push(hold);
  }
  state.grantPauseMs = 0;
  state.holds.set(hold.id, hold);
  session.holds.set(hold.id, hold);
  session.heldBytes += heldBytes(hold);
  const fingerprint = ticket?.fingerprint ?? event.journalOnly?.contentFingerprint ?? 0n;
  keep(session, hold.requestId, fingerprint, {
    kind: "granted",
    holdId: hold.id,
    token: hold.token,
  });
}

export function applyTicketEnded(state: NamespaceState, event: Event, body: TicketEnded): void {
  const session = sessionOf(state, body.sessionId);
  const ticket = takeTicket(state, body.ticketId);
  if (session.state !== SessionState.ACTIVE) return;
  keep(session, ticket.requestId, ticket.fingerprint, {
    kind: "denied",
    denied: deniedAs(body.end),
  });
  if (body.end === TicketEnd.CANCELLED) {
    keepCause(session, event, {
      kind: "cancel",
      outcome: CancelOutcome.CANCELLED,
      grant: undefined,
    });
  }
}

export function applyAcquireRefused(
  state: NamespaceState,
  event: Event,
  body: AcquireRefused,
): void {
  const session = sessionOf(state, body.sessionId);
  keep(session, body.acquireRequestId, 0n, { kind: "refused" });
  keepCause(session, event, {
    kind: "cancel",
    outcome: CancelOutcome.UNKNOWN_REQUEST,
    grant: undefined,
  });
}

export function applyLockReleased(state: NamespaceState, event: Event, body: LockReleased): void {
  const { session, hold } = takeHold(state, body.holdId);
  remember(session, session.released, hold.id, hold, RELEASED_HOLDS_MAX);
  if (session.state !== SessionState.ACTIVE) return;
  keepCause(session, event, {
    kind: "release",
    outcome: ReleaseOutcome.RELEASED,
    reason: LossReason.UNSPECIFIED,
  });
}

export function applyLockLost(state: NamespaceState, event: Event, body: LockLost): void {
  const { session, hold } = takeHold(state, body.holdId);
  remember(session, session.lost, hold.id, { hold, reason: body.reason }, LOST_HOLDS_MAX);
  if (session.state === SessionState.ACTIVE) session.news.push(event.revision);
  if (!body.delayed) return;
  const delay: Delay = {
    hold,
    reason: body.reason,
    lostRevision: event.revision,
    lostAtMs: Number(event.decidedAtMs),
    ttlMs: session.ttlMs,
    consumedMs: 0,
    consumedBeforeMs: 0,
    sinceMs: session.renewedAtMs,
  };
  state.delays.set(hold.id, delay);
  session.delays.set(hold.id, delay);
  for (const { key } of hold.targets) keyOf(state, key).delays.push(delay);
}

export function applyDelayEnded(state: NamespaceState, event: Event, body: DelayEnded): void {
  const delay = required(state.delays.get(body.holdId), "delay of hold", body.holdId);
  const session = sessionOf(state, delay.hold.sessionId);
  state.delays.delete(body.holdId);
  session.delays.delete(body.holdId);
  for (const { key } of delay.hold.targets) {
    const record = keyOf(state, key);
    record.delays.splice(record.delays.indexOf(delay), 1);
  }
  freed(state, delay.hold.targets);
  if (session.state !== SessionState.ACTIVE) return;
  keepCause(session, event, {
    kind: "release",
    outcome: ReleaseOutcome.LOST,
    reason: delay.reason,
  });
}

function takeTicket(state: NamespaceState, ticketId: bigint): Ticket {
  const ticket = required(state.tickets.get(ticketId), "ticket", ticketId);
  const session = sessionOf(state, ticket.sessionId);
  state.tickets.delete(ticketId);
  session.tickets.delete(ticketId);
  session.heldBytes -= heldBytes(ticket);
  if (session.busyOwners.get(ticket.owner) === ticketId) session.busyOwners.delete(ticket.owner);
  for (const { key } of ticket.targets) keyOf(state, key).queue.delete(ticketId);
  freed(state, ticket.targets);
  return ticket;
}

function takeHold(state: NamespaceState, holdId: bigint): { session: SessionRecord; hold: Hold } {
  const hold = required(state.holds.get(holdId), "hold", holdId);
  const session = sessionOf(state, hold.sessionId);
  state.holds.delete(holdId);
  session.holds.delete(holdId);
  session.heldBytes -= heldBytes(hold);
  for (const { key } of hold.targets) {
    const { holds } = keyOf(state, key);
    holds.splice(holds.indexOf(hold), 1);
  }
  freed(state, hold.targets);
  return { session, hold };
}

/** Marks keys that may now go to their next waiter, and drops those nobody uses any more. */
function freed(state: NamespaceState, targets: readonly LockTarget[]): void {
  for (const { key } of targets) {
    const record = state.keys.get(key);
    if (record === undefined) continue;
    if (record.queue.size > 0) state.freed.add(key);
    else if (record.holds.length + record.delays.length === 0) state.keys.delete(key);
  }
}

function keyOf(state: NamespaceState, key: string): KeyRecord {
  let record = state.keys.get(key);
  if (record === undefined) {
    record = { key, holds: [], delays: [], queue: new Map() };
    state.keys.set(key, record);
  }
  return record;
}

function sessionOf(state: NamespaceState, sessionId: bigint): SessionRecord {
  return required(state.sessions.get(sessionId), "session", sessionId);
}

/** Remembers what became of a hold; while the session lives, at the price of the oldest of its kind. */
function remember<T>(
  session: SessionRecord,
  past: Map<bigint, T>,
  holdId: bigint,
  what: T,
  max: number,
): void {
  past.set(holdId, what);
  if (session.state !== SessionState.ACTIVE || past.size <= max) return;
  for (const oldest of past.keys()) {
    past.delete(oldest);
    return;
  }
}

function keep(
  session: SessionRecord,
  requestId: bigint,
  fingerprint: bigint,
  result: Result,
): void {
  // What the client has confirmed already is not asked for again.
  if (session.answered.has(requestId)) session.outcomes.delete(requestId);
  else session.outcomes.set(requestId, { fingerprint, result });
}

function keepCause(session: SessionRecord, event: Event, result: Result): void {
  if (event.causeRequestId === 0n) return;
  keep(session, event.causeRequestId, event.journalOnly?.contentFingerprint ?? 0n, result);
}
