import type { LockTarget, Queued } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { NamespaceState, Ticket } from "../state/state.ts";
import { blockersOf } from "./blockers.ts";
import { remainingMs } from "./remaining.ts";

/** What is known of a wait. `place` is how many stand before it; left out, it is counted. */
export function queuedView(
  state: NamespaceState,
  ticketId: bigint,
  now: Now,
  place?: number,
): Queued {
  const ticket = state.tickets.get(ticketId) as Ticket;
  return {
    $typeName: "lockstep.v1.Queued",
    ticketId,
    position: place ?? placesOf(state, [ticket]).get(ticketId) ?? 0,
    blockers: blockersOf(state, keyOf(ticket), ticketId),
    waitRemainingMs: waitRemainingMs(ticket, now),
  };
}

/** How many stand before each of these waiters. Walks each queue once, however many wait in it. */
export function placesOf(
  { keys }: NamespaceState,
  tickets: Iterable<Ticket>,
): ReadonlyMap<bigint, number> {
  const places = new Map<bigint, number>();
  const wanted = new Map<string, Set<bigint>>();
  for (const ticket of tickets) {
    const key = keyOf(ticket);
    const ids = wanted.get(key);
    if (ids === undefined) wanted.set(key, new Set([ticket.id]));
    else ids.add(ticket.id);
  }
  for (const [key, ids] of wanted) {
    let place = 0;
    for (const id of keys.get(key)?.queue.keys() ?? []) {
      if (ids.delete(id)) places.set(id, place);
      if (ids.size === 0) break;
      place += 1;
    }
  }
  return places;
}

function keyOf({ targets }: Ticket): string {
  return (targets[0] as LockTarget).key;
}

/** How long a ticket still waits. */
export function waitRemainingMs(ticket: Ticket, now: Now): bigint {
  return remainingMs(Math.min(ticket.waitMs, ticket.deadlineMs - now.monotonicMs));
}
