import type { Event } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { NamespaceState, Ticket } from "../state/state.ts";
import { Draft } from "./decision.ts";

/**
 * The next grant to a waiter of a freed key, or undefined when every freed key has been looked at.
 * Waiters are visited in order of arrival. Those of an ended session have been removed with it, so
 * the grant and the liveness check are one step.
 */
export function nextGrant(state: NamespaceState, now: Now): Event | undefined {
  if (now.monotonicMs < state.grantsFromMs) return undefined;
  for (const key of state.freed) {
    state.freed.delete(key);
    const record = state.keys.get(key);
    if (record === undefined || record.holds.length + record.delays.length > 0) continue;
    for (const ticket of record.queue.values()) return granted(state, ticket, now);
  }
  return undefined;
}

function granted(state: NamespaceState, ticket: Ticket, now: Now): Event {
  const draft = new Draft(state.revision, now, { correlationId: ticket.correlationId });
  const holdId = draft.next;
  return draft.add({
    case: "lockGranted",
    value: {
      $typeName: "lockstep.v1.LockGranted",
      holdId,
      token: holdId,
      sessionId: ticket.sessionId,
      requestId: ticket.requestId,
      ticketId: ticket.id,
      owner: ticket.owner,
      targets: [...ticket.targets],
      transferredFrom: 0n,
    },
  });
}
