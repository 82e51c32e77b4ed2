import type { Ticket } from "./ticket.ts";

/** So many places may be empty before they are closed up, beside one for each who waits. */
const EMPTY_PLACES_MAX = 32;

/**
 * Those who wait for a key, by arrival. Whoever comes stands last, and is found by the id of its ticket.
 * To look at the first takes the same time however many have gone before it: a map that is used as a queue
 * passes all of those at each look.
 */
export class WaitQueue {
  /** By rising id, from `#head` on; those of empty places too. */
  #ids: bigint[] = [];
  /** At the places of their ids; undefined where somebody has gone. */
  #tickets: (Ticket | undefined)[] = [];
  #head = 0;
  #size = 0;

  /** How many wait. */
  get size(): number {
    return this.#size;
  }

  /** The ticket with an id; undefined when it does not wait here. */
  get(id: bigint): Ticket | undefined {
    const at = this.#placeOf(id);
    return this.#ids[at] === id ? this.#tickets[at] : undefined;
  }

  /** Puts a ticket at its place, which is the last for all that have just come. */
  add(ticket: Ticket): void {
    let at = this.#ids.length;
    while (at > this.#head && (this.#ids[at - 1] as bigint) > ticket.id) at -= 1;
    if (at === this.#ids.length) {
      this.#ids.push(ticket.id);
      this.#tickets.push(ticket);
    } else {
      this.#ids.splice(at, 0, ticket.id);
      this.#tickets.splice(at, 0, ticket);
    }
    this.#size += 1;
  }

  /** Takes a ticket out that waits here. */
  remove({ id }: Ticket): void {
    const at = this.#placeOf(id);
    if (this.#ids[at] !== id || this.#tickets[at] === undefined) return;
    this.#tickets[at] = undefined;
    this.#size -= 1;
    while (this.#head < this.#ids.length && this.#tickets[this.#head] === undefined)
      this.#head += 1;
    if (this.#ids.length > 2 * this.#size + EMPTY_PLACES_MAX) this.#closeUp();
  }

  /** The tickets by arrival. The queue must not change meanwhile. */
  values(): Generator<Ticket, undefined> {
    return this.#from(this.#head);
  }

  /** Those who came after a ticket with this id, by arrival. The queue must not change meanwhile. */
  valuesAfter(id: bigint): Generator<Ticket, undefined> {
    return this.#from(this.#placeOf(id + 1n));
  }

  *#from(first: number): Generator<Ticket, undefined> {
    const tickets = this.#tickets;
    for (let at = first; at < tickets.length; at += 1) {
      const ticket = tickets[at];
      if (ticket !== undefined) yield ticket;
    }
  }

  #closeUp(): void {
    const waiting = this.#tickets.filter((ticket) => ticket !== undefined);
    this.#tickets = waiting;
    this.#ids = waiting.map(({ id }) => id);
    this.#head = 0;
  }

  /** The first place with this id or a higher one. */
  #placeOf(id: bigint): number {
    let low = this.#head;
    let high = this.#ids.length;
    // Who goes is mostly the first.
    if (this.#ids[low] === id) return low;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ids[middle] as bigint) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
