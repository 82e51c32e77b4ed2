import type { Queued } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { waitersOf } from "../state/key.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Ticket } from "../state/ticket.ts";
import { blockersOf } from "./blockers.ts";
import { remainingMs } from "./remaining.ts";

/** What is known of a wait. `place` is how many stand before it; left out, it is counted. */
export function queuedView(
  state: NamespaceState,
  ticketId: bigint,
  now: Now,
  place?: number,
  showBlockers = true,
): Queued {
  const ticket = state.tickets.get(ticketId) as Ticket;
  return {
    $typeName: "lockstep.v1.Queued",
    ticketId,
    position: place ?? placesOf(state, [ticket]).get(ticketId) ?? 0,
    blockers: showBlockers ? blockersOf(state, { ...ticket, ticketId }) : [],
    waitRemainingMs: waitRemainingMs(ticket, now),
  };
}

/**
 * How many stand before each of these waiters, at the key where most do. Walks each queue once, however
 * many wait in it.
 */
export function placesOf(
  { keys }: NamespaceState,
  tickets: Iterable<Ticket>,
): ReadonlyMap<bigint, number> {
  const places = new Map<bigint, number>();
  const wanted = new Map<string, Set<bigint>>();
  for (const { id, targets } of tickets) {
    for (const { key } of targets) {
      const ids = wanted.get(key);
      if (ids === undefined) wanted.set(key, new Set([id]));
      else ids.add(id);
    }
  }
  for (const [key, ids] of wanted) {
    const record = keys.get(key);
    if (record === undefined) continue;
    let place = 0;
    for (const { id } of waitersOf(record)) {
      if (ids.delete(id)) places.set(id, Math.max(place, places.get(id) ?? 0));
      if (ids.size === 0) break;
      place += 1;
    }
  }
  return places;
}

/** How long a ticket still waits. */
export function waitRemainingMs(ticket: Ticket, now: Now): bigint {
  return remainingMs(Math.min(ticket.waitMs, ticket.deadlineMs - now.monotonicMs));
}
