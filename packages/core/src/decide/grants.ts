import { type Event, LockMode, type LockTarget } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { type KeyRecord, targetOf } from "../state/key.ts";
import { permitsOf } from "../state/policies.ts";
import type { NamespaceState } from "../state/state.ts";
import { admits, admitsAny, count, NOBODY, newTally, type Tally } from "../state/tally.ts";
import type { Ticket } from "../state/ticket.ts";
import { Draft } from "./decision.ts";
import { termsInForce } from "./terms.ts";

/** Whether a newcomer is granted these targets at once: nobody who holds or waits is in the way. */
export function isGrantedNow(
  state: NamespaceState,
  targets: readonly LockTarget[],
  now: Now,
): boolean {
  if (now.monotonicMs < state.grantsFromMs) return false;
  for (const target of targets) if (!isAdmitted(state, target)) return false;
  return true;
}

/** Whether nobody who holds or waits for a key is in the way of a newcomer. */
export function isAdmitted(state: NamespaceState, target: LockTarget): boolean {
  const record = state.keys.get(target.key);
  if (record === undefined) return true;
  // A waiting Convert shall become EXCLUSIVE, and stands before everybody.
  if (record.convert !== undefined) return false;
  return admits(record.taken, record.waiting, target, limitFor(state, target));
}

/**
 * The waiters of freed keys that are granted now, Converts first, then in the order of arrival. Each
 * conflicts with no holder and no earlier waiter on any of its keys, so granting one is in the way of
 * no other: all can be granted without looking again. Those of an ended session have been removed with
 * it, so the grant and the liveness check are one step.
 */
export function takeGrantable(state: NamespaceState): readonly Ticket[] {
  // A pause is over for waiters when its reminder comes up: then all keys are looked at together, in turn.
  if (state.freed.size === 0 || state.grantsFromMs !== Number.NEGATIVE_INFINITY) return NONE;
  const found: Ticket[] = [];
  for (const key of state.freed.keys()) {
    const record = state.keys.get(key);
    if (record !== undefined) findGrantable(state, record, found);
  }
  state.freed.clear();
  if (found.length < 2) return found;
  // A ticket for several freed keys is found at each of them.
  return [...new Set(found)].sort(byTurn);
}

const NONE: readonly Ticket[] = [];

/** The grant of a waiter. */
export function grantOf(state: NamespaceState, ticket: Ticket, now: Now): Event {
  const draft = new Draft(state.revision, now, { correlationId: ticket.correlationId });
  return ticket.convertOf === 0n ? addGranted(state, draft, ticket) : addConverted(draft, ticket);
}

/** Adds the grant of a waiting Acquire, under the policies of this moment. */
export function addGranted(
  state: NamespaceState,
  draft: Draft,
  ticket: Ticket,
  transferredFrom = 0n,
): Event {
  const holdId = draft.next;
  const terms = termsInForce(state, ticket.terms, ticket.targets);
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
      transferredFrom,
      ...(terms === undefined ? {} : { terms }),
    },
  });
}

/** Adds the grant of a waiting Convert; only those to EXCLUSIVE wait, so it brings a new token. */
function addConverted(draft: Draft, ticket: Ticket): Event {
  return draft.add({
    case: "holdConverted",
    value: {
      $typeName: "lockstep.v1.HoldConverted",
      holdId: ticket.convertOf,
      token: draft.next,
      sessionId: ticket.sessionId,
      requestId: ticket.requestId,
      ticketId: ticket.id,
      target: ticket.targets[0] as LockTarget,
    },
  });
}

function byTurn(a: Ticket, b: Ticket): number {
  const first = Number(b.convertOf !== 0n) - Number(a.convertOf !== 0n);
  if (first !== 0) return first;
  return a.id < b.id ? -1 : 1;
}

/** Walks the queue of a key for as long as anybody in the rest of it can be granted. */
function findGrantable(state: NamespaceState, record: KeyRecord, found: Ticket[]): void {
  const { key, taken, queue, convert } = record;
  if (convert !== undefined) {
    // Granted or not, it is EXCLUSIVE that the others wait behind.
    const to = convert.targets[0] as LockTarget;
    if (convertFits(state, record, convert.convertOf, to)) found.push(convert);
    return;
  }
  if (queue.size === 0) return;
  const limit = permitsOf(state, key);
  const before = newTally();
  const rest = { ...record.waiting };
  if (!admitsAny(taken, before, rest, limit)) return;
  const others = new OtherKeys(state, key);
  for (const ticket of queue.values()) {
    const target = targetOf(ticket.targets, key) as LockTarget;
    const isFree = admits(taken, before, target, limit);
    if (isFree && (ticket.targets.length === 1 || others.isFirst(ticket))) found.push(ticket);
    count(before, target, 1);
    count(rest, target, -1);
    if (!admitsAny(taken, before, rest, limit)) return;
  }
}

/**
 * Says of the waiters of one key, as they come, whether anybody is in their way at their other keys.
 * They come by arrival, so the queue of each other key is walked once for them all.
 */
class OtherKeys {
  readonly #state: NamespaceState;
  readonly #key: string;
  readonly #walks = new Map<string, Walk>();

  constructor(state: NamespaceState, key: string) {
    this.#state = state;
    this.#key = key;
  }

  /** Whether a waiter is first at all other keys; it must not have come before the last one asked for. */
  isFirst(ticket: Ticket): boolean {
    const others = ticket.targets.filter(({ key }) => key !== this.#key);
    // What is held is seen without a walk.
    return (
      others.every((target) => this.#isAdmitted(target, NOBODY)) &&
      others.every((target) => this.#isAdmitted(target, this.#before(ticket, target.key)))
    );
  }

  #isAdmitted(target: LockTarget, before: Readonly<Tally>): boolean {
    const record = this.#state.keys.get(target.key);
    if (record === undefined) return true;
    if (record.convert !== undefined) return false;
    return admits(record.taken, before, target, limitFor(this.#state, target));
  }

  /** Those who wait for a key before a ticket. */
  #before(ticket: Ticket, key: string): Readonly<Tally> {
    const walk = this.#walks.get(key) ?? newWalk(this.#state, key);
    this.#walks.set(key, walk);
    while (!walk.at.done && walk.at.value.id < ticket.id) {
      count(walk.before, targetOf(walk.at.value.targets, key) as LockTarget, 1);
      walk.at = walk.waiters.next();
    }
    return walk.before;
  }
}

/** A walk along a queue: whom it has passed, and where it stands. */
interface Walk {
  readonly before: Tally;
  readonly waiters: Iterator<Ticket>;
  at: IteratorResult<Ticket>;
}

function newWalk({ keys }: NamespaceState, key: string): Walk {
  const waiters: Iterator<Ticket> = keys.get(key)?.queue.values() ?? [].values();
  return { before: newTally(), waiters, at: waiters.next() };
}

/** Whether nobody but the hold itself is in the way of its Convert. */
export function convertFits(
  state: NamespaceState,
  record: KeyRecord,
  holdId: bigint,
  to: LockTarget,
): boolean {
  const own = targetOf(state.holds.get(holdId)?.targets ?? [], record.key);
  if (own === undefined) return false;
  const others = { ...record.taken };
  count(others, own, -1);
  return admits(others, NOBODY, to, permitsOf(state, record.key));
}

function limitFor(state: NamespaceState, { key, mode }: LockTarget): number {
  return mode === LockMode.PERMITS ? permitsOf(state, key) : 0;
}
