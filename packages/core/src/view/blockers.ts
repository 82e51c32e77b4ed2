import type { Blocker, LockTarget } from "@lockstep/protocol";
import type { Hold } from "../state/hold.ts";
import { type KeyRecord, targetOf, waitersOf } from "../state/key.ts";
import { permitsOf } from "../state/policies.ts";
import type { NamespaceState } from "../state/state.ts";
import { conflicts, count, NOBODY, newTally, type Tally } from "../state/tally.ts";
import type { Ticket } from "../state/ticket.ts";

const BLOCKERS_SHOWN = 16;

/** How many waiters of a key are looked at: a reply must not take the longer the longer a queue is. */
const WAITERS_LOOKED_AT = 1_024;

/** A request whose way is looked at. */
export interface Wish {
  readonly targets: readonly LockTarget[];
  /** The ticket it waits with; undefined for a newcomer, who stands behind everybody. */
  readonly ticketId?: bigint;
  /** The hold a Convert wants to change, which is not in its own way; 0 for an Acquire. */
  readonly convertOf?: bigint;
}

/** Who is in the way of a wish: holders and what lost holds still block first, then earlier waiters; at most 16. */
export function blockersOf(state: NamespaceState, wish: Wish): Blocker[] {
  const blockers: Blocker[] = [];
  for (const target of wish.targets) addHolders(state, wish, target, blockers);
  for (const target of wish.targets) addWaiters(state, wish, target, blockers);
  return blockers;
}

/** A hold, live or lost, as it is in the way at a key. */
export function holdBlocker(state: NamespaceState, hold: Hold, target: LockTarget): Blocker {
  return {
    $typeName: "lockstep.v1.Blocker",
    key: target.key,
    sessionId: hold.sessionId,
    displayName: displayNameOf(state, hold.sessionId),
    owner: hold.owner,
    holdId: hold.id,
    ticketId: 0n,
    sinceAtMs: BigInt(hold.grantedAtMs),
    mode: target.mode,
    permits: target.permits,
    correlationId: hold.correlationId,
  };
}

/** A waiter as it is in the way at a key. */
export function ticketBlocker(state: NamespaceState, ticket: Ticket, target: LockTarget): Blocker {
  return {
    $typeName: "lockstep.v1.Blocker",
    key: target.key,
    sessionId: ticket.sessionId,
    displayName: displayNameOf(state, ticket.sessionId),
    owner: ticket.owner,
    holdId: 0n,
    ticketId: ticket.id,
    sinceAtMs: BigInt(ticket.queuedAtMs),
    mode: target.mode,
    permits: target.permits,
    correlationId: ticket.correlationId,
  };
}

/** The display name of a session, empty when it is no longer remembered. */
export function displayNameOf(state: NamespaceState, sessionId: bigint): string {
  return state.sessions.get(sessionId)?.displayName ?? "";
}

function addHolders(
  state: NamespaceState,
  { ticketId, convertOf = 0n }: Wish,
  target: LockTarget,
  blockers: Blocker[],
): void {
  const record = state.keys.get(target.key);
  if (record === undefined) return;
  const full = isFull(state, record, target, ticketId);
  const add = (hold: Hold): void => {
    const held = targetOf(hold.targets, target.key);
    if (held === undefined || hold.id === convertOf || blockers.length >= BLOCKERS_SHOWN) return;
    if (conflicts(target, held, full)) blockers.push(holdBlocker(state, hold, held));
  };
  for (const hold of record.holds) add(hold);
  for (const { hold } of record.delays) add(hold);
}

function addWaiters(
  state: NamespaceState,
  { ticketId, convertOf = 0n }: Wish,
  target: LockTarget,
  blockers: Blocker[],
): void {
  const record = state.keys.get(target.key);
  // A Convert stands before everybody who waits.
  if (record === undefined || convertOf !== 0n) return;
  const full = isFull(state, record, target, ticketId);
  let looked = 0;
  for (const ticket of waitersOf(record)) {
    if (ticket.id === ticketId || blockers.length >= BLOCKERS_SHOWN) return;
    if (looked++ === WAITERS_LOOKED_AT) return;
    const wanted = targetOf(ticket.targets, target.key);
    if (wanted !== undefined && conflicts(target, wanted, full))
      blockers.push(ticketBlocker(state, ticket, wanted));
  }
}

/** Whether the permits of a key do not suffice for a target, with those of everybody before it. */
function isFull(
  state: NamespaceState,
  record: KeyRecord,
  target: LockTarget,
  ticketId: bigint | undefined,
): boolean {
  if (target.permits === 0) return false;
  const before = ticketId === undefined ? record.waiting : tallyBefore(record, ticketId);
  return record.taken.permits + before.permits + target.permits > permitsOf(state, record.key);
}

function tallyBefore({ key, queue }: KeyRecord, ticketId: bigint): Readonly<Tally> {
  if (queue.size === 0) return NOBODY;
  const before = newTally();
  let looked = 0;
  for (const { id, targets } of queue.values()) {
    if (id === ticketId || looked++ === WAITERS_LOOKED_AT) break;
    const target = targetOf(targets, key);
    if (target !== undefined) count(before, target, 1);
  }
  return before;
}
