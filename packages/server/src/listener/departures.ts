import type { Clock } from "../ports/clock.ts";

/** How many are heard in one turn. To end a stream takes a third of a millisecond. */
const HEARD_PER_TURN = 32;

/**
 * Tells requests that their caller is gone. When thousands go at once, as with the host or the proxy they share, it
 * tells so many in each turn of the event loop that whoever is still there is answered in between.
 */
export class Departures {
  readonly #clock: Pick<Clock, "afterTurn">;
  #waiting: (() => void)[] = [];
  #heard = 0;

  constructor(clock: Pick<Clock, "afterTurn">) {
    this.#clock = clock;
  }

  /** Calls `tell` now, or in a later turn when many have gone in this one. */
  add(tell: () => void): void {
    if (this.#heard === 0) this.#clock.afterTurn(() => this.#nextTurn());
    if (this.#heard >= HEARD_PER_TURN) {
      this.#waiting.push(tell);
      return;
    }
    this.#heard += 1;
    tell();
  }

  #nextTurn(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.slice(HEARD_PER_TURN);
    this.#heard = Math.min(waiting.length, HEARD_PER_TURN);
    if (this.#heard > 0) this.#clock.afterTurn(() => this.#nextTurn());
    for (const tell of waiting.slice(0, HEARD_PER_TURN)) tell();
  }
}
