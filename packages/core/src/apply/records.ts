import {
  type Event,
  type HoldEnd,
  type LockTarget,
  SessionState,
  TicketEnd,
} from "@lockstep/protocol";
import { heldBytes, numberBytes } from "../state/held-bytes.ts";
import { type Hold, NO_METADATA, NO_VALUE } from "../state/hold.ts";
import {
  isUnused,
  type KeyRecord,
  newKey,
  queueLength,
  removeHold,
  removeWaiter,
  waitersOf,
} from "../state/key.ts";
import type { Result } from "../state/outcome.ts";
import { RELEASED_HOLDS_MAX, type SessionRecord } from "../state/session.ts";
import { SmallMap } from "../state/small-map.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Ticket } from "../state/ticket.ts";
import { required } from "./invariant.ts";

/** The session an event names. */
export function sessionOf(state: NamespaceState, sessionId: bigint): SessionRecord {
  return required(state.sessions.get(sessionId), "session", sessionId);
}

/** The live hold an event names. */
export function holdOf(state: NamespaceState, holdId: bigint): Hold {
  return required(state.holds.get(holdId), "hold", holdId);
}

/** The record of a key, made when there is none. */
export function keyOf(state: NamespaceState, key: string): KeyRecord {
  let record = state.keys.get(key);
  if (record === undefined) {
    record = newKey(key);
    state.keys.set(key, record);
    state.keyOrder.note(key);
  }
  return record;
}

/** Marks keys whose waiters may now be granted, and drops those nobody uses any more. */
export function freed(state: NamespaceState, targets: readonly LockTarget[]): void {
  for (const { key } of targets) {
    const record = state.keys.get(key);
    if (record === undefined) continue;
    if (queueLength(record) > 0) state.freed.set(key, true);
    else if (isUnused(record)) state.keys.delete(key);
  }
}

/** Takes a ticket out of everything but what it waited for, which the caller hands on. */
export function takeTicket(state: NamespaceState, ticketId: bigint): Ticket {
  const ticket = required(state.tickets.get(ticketId), "ticket", ticketId);
  const session = sessionOf(state, ticket.sessionId);
  state.tickets.delete(ticketId);
  state.doomed.delete(ticketId);
  session.tickets.delete(ticketId);
  session.heldBytes -= ticketBytes(ticket);
  if (session.busyOwners.get(ticket.owner) === ticketId) session.busyOwners.delete(ticket.owner);
  for (const target of ticket.targets) removeWaiter(keyOf(state, target.key), ticket, target);
  const converted = ticket.convertOf === 0n ? undefined : state.holds.get(ticket.convertOf);
  if (converted !== undefined) converted.convertTicketId = 0n;
  return ticket;
}

/** Takes a hold that is over out of everything, and hands its keys on. */
export function takeHold(
  state: NamespaceState,
  event: Event,
  holdId: bigint,
  end: HoldEnd,
): { session: SessionRecord; hold: Hold } {
  const hold = holdOf(state, holdId);
  const session = sessionOf(state, hold.sessionId);
  state.holds.delete(holdId);
  session.holds.delete(holdId);
  session.heldBytes -= holdBytes(hold);
  if (hold.owner !== "") disown(session, hold);
  for (const target of hold.targets) removeHold(keyOf(state, target.key), hold, target);
  if (hold.maxHoldMs > 0) {
    state.limitedHolds -= 1;
    state.uncountedHolds.delete(hold);
  }
  hold.end = end;
  hold.value = NO_VALUE;
  hold.metadata = NO_METADATA;
  if (hold.convertTicketId !== 0n) state.doomed.set(hold.convertTicketId, TicketEnd.HOLD_ENDED);
  hold.convertTicketId = 0n;
  state.holdTimes.saw(Number(event.decidedAtMs) - hold.grantedAtMs);
  freed(state, hold.targets);
  return { session, hold };
}

/** Denies everybody who waits for a key, before anything else happens. */
export function doomWaiters(state: NamespaceState, record: KeyRecord, end: TicketEnd): void {
  for (const { id } of waitersOf(record)) if (!state.doomed.has(id)) state.doomed.set(id, end);
}

/** What a hold takes of its session's bytes. */
export function holdBytes({
  owner,
  targets,
  value,
  metadata,
  requestIds,
  earlierTokens,
}: Hold): number {
  return heldBytes(owner, targets, value, metadata) + numberBytes(requestIds, earlierTokens);
}

/** What a ticket takes of its session's bytes. */
export function ticketBytes({ owner, targets, terms }: Ticket): number {
  return heldBytes(owner, targets, terms?.value, terms?.metadata);
}

/** Changes a live hold, and what its session counts of it. */
export function changeHold(state: NamespaceState, hold: Hold, change: () => void): void {
  const session = sessionOf(state, hold.sessionId);
  session.heldBytes -= holdBytes(hold);
  change();
  session.heldBytes += holdBytes(hold);
}

/** Notes which keys an owner holds. */
export function own(session: SessionRecord, hold: Hold): void {
  let keys = session.ownedKeys.get(hold.owner);
  if (keys === undefined) {
    keys = new SmallMap();
    session.ownedKeys.set(hold.owner, keys);
  }
  for (const { key } of hold.targets) keys.set(key, hold);
}

function disown(session: SessionRecord, hold: Hold): void {
  const keys = session.ownedKeys.get(hold.owner);
  if (keys === undefined) return;
  for (const { key } of hold.targets) keys.delete(key);
  if (keys.size === 0) session.ownedKeys.delete(hold.owner);
}

/** Remembers that a hold was released or given away. */
export function rememberReleased(session: SessionRecord, hold: Hold): void {
  const { id, token, earlierTokens, sessionId, end } = hold;
  const past = { id, token, earlierTokens, sessionId, end };
  remember(session, session.released, id, past, RELEASED_HOLDS_MAX);
}

/** Remembers what became of a hold; while the session lives, at the price of the oldest of its kind. */
export function remember<T>(
  session: SessionRecord,
  past: SmallMap<bigint, T>,
  holdId: bigint,
  what: T,
  max: number,
): void {
  past.set(holdId, what);
  if (session.state !== SessionState.ACTIVE || past.size <= max) return;
  if (past.oldest !== undefined) past.delete(past.oldest);
}

/** Keeps the outcome of a request until its client has confirmed it. */
export function keep(
  session: SessionRecord,
  requestId: bigint,
  fingerprint: bigint,
  result: Result,
): void {
  // What the client has confirmed already is not asked for again.
  if (session.answered.has(requestId)) session.outcomes.delete(requestId);
  else session.outcomes.set(requestId, { fingerprint, result });
}

/** Keeps the outcome of the request that caused an event, if any did. */
export function keepCause(session: SessionRecord, event: Event, result: Result): void {
  if (event.causeRequestId === 0n) return;
  keep(session, event.causeRequestId, event.journalOnly?.contentFingerprint ?? 0n, result);
}
