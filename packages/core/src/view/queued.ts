import type { LockTarget, Queued } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { NamespaceState, Ticket } from "../state/state.ts";
import { blockersOf } from "./blockers.ts";

/** What is known of a wait. */
export function queuedView(state: NamespaceState, ticketId: bigint, now: Now): Queued {
  const ticket = state.tickets.get(ticketId) as Ticket;
  const { key } = ticket.targets[0] as LockTarget;
  let position = 0;
  for (const id of state.keys.get(key)?.queue.keys() ?? []) {
    if (id === ticketId) break;
    position += 1;
  }
  return {
    $typeName: "lockstep.v1.Queued",
    ticketId,
    position,
    blockers: blockersOf(state, key, ticketId),
    waitRemainingMs: waitRemainingMs(ticket, now),
  };
}

/** How long a ticket still waits. */
export function waitRemainingMs(ticket: Ticket, now: Now): bigint {
  const remainingMs = Math.min(ticket.waitMs, ticket.deadlineMs - now.monotonicMs);
  return BigInt(Math.max(0, Math.ceil(remainingMs)));
}
