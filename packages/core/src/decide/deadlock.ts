import {
  type Blocker,
  type Event,
  type LockMode,
  type LockTarget,
  TicketEnd,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { Hold } from "../state/hold.ts";
import { queueLength, targetOf, waitersOf } from "../state/key.ts";
import { permitsOf } from "../state/policies.ts";
import type { NamespaceState } from "../state/state.ts";
import { conflicts } from "../state/tally.ts";
import type { Ticket } from "../state/ticket.ts";
import { blockersOf, ticketBlocker } from "../view/blockers.ts";
import { Draft } from "./decision.ts";
import { addTicketEnded } from "./endings.ts";
import { isWaitedFor, mayFollowItself } from "./followers.ts";

/** How much of a circle a denial lists. */
const CYCLE_SHOWN_MAX = 64;

/** A waiting request of a circle, and the key on which the next one is in its way. */
export interface Wait {
  readonly ticket: Ticket;
  readonly key: string;
}

/**
 * Looks for circles among those who wait, for as long as a step takes: nobody may begin to wait
 * meanwhile.
 *
 * The nodes are owners. One that does not wait ends every path, and one that does has a single waiting
 * request; so the search goes from ticket to ticket: from each to the earlier waiters it conflicts with,
 * and to what the owners of conflicting holds wait with. What a lost hold blocks has no owner and ends
 * by itself.
 */
export class Deadlocks {
  readonly #state: NamespaceState;
  /** Tickets that may be in a circle, by rising id. */
  readonly #suspects: Ticket[];
  /** Tickets that are in no circle. What ends meanwhile cannot bring them into one. */
  readonly #acyclic = new Set<bigint>();
  /** Up to which ticket a queue has none but those, as far as it is known. */
  readonly #acyclicUpTo = new Map<string, bigint>();
  #at = 0;

  /** `events` are those of the step so far; the state has them. */
  constructor(state: NamespaceState, events: readonly Event[]) {
    this.#state = state;
    this.#suspects = suspectsOf(state, events);
  }

  /** The end of the next victim's wait, to be applied before the next call; undefined when no circle is left. */
  next(now: Now): Event | undefined {
    for (; this.#at < this.#suspects.length; this.#at += 1) {
      const suspect = this.#suspects[this.#at] as Ticket;
      if (!this.#state.tickets.has(suspect.id)) continue;
      const circle = this.circleThrough(suspect);
      if (circle !== undefined) return endOfVictim(this.#state, circle, now);
    }
    return undefined;
  }

  /**
   * A shortest circle through a waiting request, beginning with it; undefined when there is none.
   * Takes a time that rises with the holds and waiters of all keys it reaches, but little where few wait
   * for the request, as when tens of thousands wait in one queue and each holds what one other wants.
   */
  circleThrough(start: Ticket): readonly Wait[] | undefined {
    if (!mayFollowItself(this.#state, start)) return this.#inNone(start);
    const reachedBy = new Map<bigint, Wait>();
    const reached = [start];
    const walks = new Map<string, Map<LockMode, Walk>>();
    for (const ticket of reached) {
      for (const { key, target, walk } of this.#obstaclesOf(ticket, walks)) {
        for (const next of walk.advance(ticket, target)) {
          if (next === start) return circleOf(start, { ticket, key }, reachedBy);
          if (reachedBy.has(next.id) || this.#acyclic.has(next.id)) continue;
          reachedBy.set(next.id, { ticket, key });
          reached.push(next);
        }
      }
    }
    return this.#inNone(start);
  }

  #inNone({ id }: Ticket): undefined {
    this.#acyclic.add(id);
  }

  /**
   * The walks along all that can be in the way of a ticket. A walk goes on where the last ticket of
   * the same mode has stopped at that key: what stood before that one has been reached.
   */
  *#obstaclesOf(
    { targets }: Ticket,
    walks: Map<string, Map<LockMode, Walk>>,
  ): Generator<{ key: string; target: LockTarget; walk: Walk }> {
    for (const target of targets) {
      const { key, mode } = target;
      if (permitsOf(this.#state, key) > 1) continue;
      const byMode = walks.get(key) ?? new Map<LockMode, Walk>();
      walks.set(key, byMode);
      const walk = byMode.get(mode) ?? new Walk(this.#state, key, this.#acyclicFront(key));
      byMode.set(mode, walk);
      yield { key, target, walk };
    }
  }

  /** The last ticket of the front part of a queue that is in no circle; 0 when its first may be in one. */
  #acyclicFront(key: string): bigint {
    let upTo = this.#acyclicUpTo.get(key) ?? 0n;
    for (const { id } of this.#state.keys.get(key)?.queue.valuesAfter(upTo) ?? []) {
      if (!this.#acyclic.has(id)) break;
      upTo = id;
    }
    this.#acyclicUpTo.set(key, upTo);
    return upTo;
  }
}

/** A walk along the holds of a key and those who wait for it, at the pace of those who come after them. */
class Walk {
  readonly #state: NamespaceState;
  readonly #key: string;
  readonly #waiters: Iterator<Ticket>;
  #waiter: IteratorResult<Ticket>;
  #holdsPassed = false;

  /** Waiting Acquires up to the ticket `passed` are passed over. */
  constructor(state: NamespaceState, key: string, passed: bigint) {
    this.#state = state;
    this.#key = key;
    const record = state.keys.get(key);
    this.#waiters = record === undefined ? [].values() : waitersOf(record, passed);
    this.#waiter = this.#waiters.next();
  }

  /** The tickets that stand in the way of one, as far as the walk has not passed them yet. */
  *advance(ticket: Ticket, target: LockTarget): Generator<Ticket> {
    if (!this.#holdsPassed) {
      this.#holdsPassed = true;
      for (const hold of this.#state.keys.get(this.#key)?.holds ?? []) {
        const waiting = this.#inTheWay(hold, target) ? waitOf(this.#state, hold) : undefined;
        if (waiting !== undefined && waiting !== ticket) yield waiting;
      }
    }
    if (ticket.convertOf !== 0n) return;
    while (!this.#waiter.done) {
      const waiter = this.#waiter.value;
      if (waiter.convertOf === 0n && waiter.id >= ticket.id) return;
      this.#waiter = this.#waiters.next();
      if (this.#inTheWay(waiter, target)) yield waiter;
    }
  }

  #inTheWay({ targets }: Hold | Ticket, target: LockTarget): boolean {
    const other = targetOf(targets, this.#key);
    return other !== undefined && conflicts(other, target, true);
  }
}

/** What the owner of a hold waits with. */
function waitOf(state: NamespaceState, hold: Hold): Ticket | undefined {
  const ticketId =
    hold.owner === ""
      ? hold.convertTicketId
      : state.sessions.get(hold.sessionId)?.busyOwners.get(hold.owner);
  return ticketId === undefined ? undefined : state.tickets.get(ticketId);
}

/** Whether events are of a kind that can close a circle; most are not, and then nobody is looked at. */
export function mayCloseCircle(events: readonly Event[]): boolean {
  for (const { body } of events) {
    switch (body.case) {
      case "lockQueued":
      case "convertQueued":
      case "holdConverted":
      case "policyChanged":
        return true;
    }
  }
  return false;
}

/**
 * Who may be in a circle now: who began to wait while somebody waits for what its owner holds, whose
 * owner waits while one of its keys became EXCLUSIVE, and, where permits have become one, who waits while
 * somebody waits for what its owner holds.
 */
function suspectsOf(state: NamespaceState, events: readonly Event[]): Ticket[] {
  const suspects = new Map<bigint, Ticket>();
  for (const { body } of events) {
    if (body.case === "lockQueued" || body.case === "convertQueued") {
      const ticket = state.tickets.get(body.value.ticketId);
      if (ticket !== undefined && isWaitedFor(state, ticket)) suspects.set(ticket.id, ticket);
    } else if (body.case === "holdConverted") {
      // Whoever waits behind others for a mode that went beside the old one waits for this hold now too.
      const hold = state.holds.get(body.value.holdId);
      const ticket = hold === undefined ? undefined : waitOf(state, hold);
      if (ticket !== undefined && isWaitedFor(state, ticket)) suspects.set(ticket.id, ticket);
    } else if (
      body.case === "policyChanged" &&
      isSinglePermitWaitedFor(state, body.value.keyPrefix)
    ) {
      // Each circle has somebody who waits while others wait for what it holds: the newer waits for the older alone.
      for (const ticket of state.tickets.values())
        if (isWaitedFor(state, ticket)) suspects.set(ticket.id, ticket);
    }
  }
  return [...suspects.values()].sort((a, b) => (a.id < b.id ? -1 : 1));
}

/** Whether anybody waits for a key with this prefix that offers one permit. */
function isSinglePermitWaitedFor(state: NamespaceState, keyPrefix: string): boolean {
  for (const record of state.keys.values()) {
    if (queueLength(record) === 0 || !record.key.startsWith(keyPrefix)) continue;
    if (permitsOf(state, record.key) === 1) return true;
  }
  return false;
}

/** The circle whose last wait has been found: back along the way by which it was reached. */
function circleOf(start: Ticket, last: Wait, reachedBy: ReadonlyMap<bigint, Wait>): Wait[] {
  const circle = [last];
  for (let wait = last; wait.ticket !== start; ) {
    wait = reachedBy.get(wait.ticket.id) as Wait;
    circle.push(wait);
  }
  return circle.reverse();
}

/** Ends the wait with the lowest priority, of those with the same the newest; the circle begins with it. */
function endOfVictim(state: NamespaceState, circle: readonly Wait[], now: Now): Event {
  let at = 0;
  circle.forEach(({ ticket }, index) => {
    if (comesBefore(ticket, (circle[at] as Wait).ticket)) at = index;
  });
  const { ticket } = circle[at] as Wait;
  const cycle: Blocker[] = [];
  for (const wait of [...circle.slice(at), ...circle.slice(0, at)].slice(0, CYCLE_SHOWN_MAX)) {
    const target = targetOf(wait.ticket.targets, wait.key) as LockTarget;
    cycle.push(ticketBlocker(state, wait.ticket, target));
  }
  const draft = new Draft(state.revision, now, { correlationId: ticket.correlationId });
  const blockers = blockersOf(state, { ...ticket, ticketId: ticket.id });
  addTicketEnded(draft, ticket, TicketEnd.DEADLOCK_VICTIM, { blockers, cycle });
  return draft.events[0] as Event;
}

function comesBefore(a: Ticket, b: Ticket): boolean {
  if (a.deadlockPriority !== b.deadlockPriority) return a.deadlockPriority < b.deadlockPriority;
  return a.id > b.id;
}
