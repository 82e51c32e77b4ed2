import { queueLength, waitersOf } from "../state/key.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Ticket } from "../state/ticket.ts";

/** How many followers are looked at before the circle itself is looked for. */
const FOLLOWERS_MAX = 64;

/** Whether anybody else waits for a key that the owner of a ticket holds. */
export function isWaitedFor(state: NamespaceState, ticket: Ticket): boolean {
  for (const key of keysHeldBy(state, ticket)) {
    const record = state.keys.get(key);
    const own = record?.convert === ticket ? 1 : 0;
    if (record !== undefined && queueLength(record) > own) return true;
  }
  return false;
}

/**
 * Whether a waiting request may be among those who wait, through whomever, for itself. They are found
 * backwards, in whatever modes they wait; where there are few, that takes no time, however many the request
 * itself waits for. Where there are many it may be among them.
 */
export function mayFollowItself(state: NamespaceState, start: Ticket): boolean {
  const followers = new Set<Ticket>();
  addFollowers(state, start, followers);
  for (const follower of followers) {
    if (follower === start || followers.size > FOLLOWERS_MAX) return true;
    addFollowers(state, follower, followers);
  }
  return false;
}

/** Adds those who wait for what the owner of a ticket holds, and those who stand behind the ticket. */
function addFollowers(state: NamespaceState, ticket: Ticket, followers: Set<Ticket>): void {
  for (const key of keysHeldBy(state, ticket)) {
    const record = state.keys.get(key);
    if (record === undefined) continue;
    for (const waiter of waitersOf(record)) {
      // The Convert of a hold does not wait for that hold.
      if (waiter !== ticket || waiter.convertOf === 0n) followers.add(waiter);
      if (followers.size > FOLLOWERS_MAX) return;
    }
  }
  for (const { key } of ticket.targets) {
    const behind = state.keys.get(key)?.queue.valuesAfter(ticket.convertOf === 0n ? ticket.id : 0n);
    for (const waiter of behind ?? []) {
      followers.add(waiter);
      if (followers.size > FOLLOWERS_MAX) return;
    }
  }
}

function keysHeldBy(state: NamespaceState, ticket: Ticket): Iterable<string> {
  if (ticket.owner !== "")
    return state.sessions.get(ticket.sessionId)?.ownedKeys.get(ticket.owner)?.keys() ?? [];
  return state.holds.get(ticket.convertOf)?.targets.map(({ key }) => key) ?? [];
}
