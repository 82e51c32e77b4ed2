import type { Blocker } from "@lockstep/protocol";
import type { Hold, NamespaceState, Ticket } from "../state/state.ts";

const BLOCKERS_SHOWN = 16;

/** Who is in the way at a key: holders first, then what a lost hold still blocks, then earlier waiters. */
export function blockersOf(state: NamespaceState, key: string, before?: bigint): Blocker[] {
  const record = state.keys.get(key);
  const blockers: Blocker[] = [];
  if (record === undefined) return blockers;
  for (const hold of record.holds) blockers.push(holdBlocker(state, key, hold));
  for (const { hold } of record.delays) blockers.push(holdBlocker(state, key, hold));
  for (const ticket of record.queue.values()) {
    if (blockers.length >= BLOCKERS_SHOWN || ticket.id === before) break;
    blockers.push(ticketBlocker(state, key, ticket));
  }
  return blockers;
}

function holdBlocker(state: NamespaceState, key: string, hold: Hold): Blocker {
  return {
    $typeName: "lockstep.v1.Blocker",
    key,
    sessionId: hold.sessionId,
    displayName: displayNameOf(state, hold.sessionId),
    owner: hold.owner,
    holdId: hold.id,
    ticketId: 0n,
    sinceAtMs: BigInt(hold.grantedAtMs),
  };
}

function ticketBlocker(state: NamespaceState, key: string, ticket: Ticket): Blocker {
  return {
    $typeName: "lockstep.v1.Blocker",
    key,
    sessionId: ticket.sessionId,
    displayName: displayNameOf(state, ticket.sessionId),
    owner: ticket.owner,
    holdId: 0n,
    ticketId: ticket.id,
    sinceAtMs: BigInt(ticket.queuedAtMs),
  };
}

/** The display name of a session, empty when it is no longer remembered. */
export function displayNameOf(state: NamespaceState, sessionId: bigint): string {
  return state.sessions.get(sessionId)?.displayName ?? "";
}
