import type { Clock } from "../ports/clock.ts";

/** How many are told in one turn at least. To end a stream takes a third of a millisecond. */
const TOLD_PER_TURN = 32;
/** Of those that wait, this share is told in one turn at least, so that they become fewer however many more go. */
const SHARE_TOLD = 1 / 16;

/**
 * Tells calls under way that their caller is gone. When thousands go at once, as with the host or the proxy they share,
 * it tells so many in each turn of the event loop that whoever is still there is answered in between.
 */
export class Departures {
  readonly #clock: Pick<Clock, "afterTurn">;
  #waiting: (() => void)[] = [];
  #told = 0;

  constructor(clock: Pick<Clock, "afterTurn">) {
    this.#clock = clock;
  }

  /** Calls `tell` now, or in a later turn when many have gone in this one. */
  add(tell: () => void): void {
    if (this.#told === 0) this.#clock.afterTurn(() => this.#nextTurn());
    if (this.#told >= TOLD_PER_TURN) {
      this.#waiting.push(tell);
      return;
    }
    this.#told += 1;
    tell();
  }

  #nextTurn(): void {
    const count = Math.max(TOLD_PER_TURN, Math.ceil(this.#waiting.length * SHARE_TOLD));
    const now = this.#waiting.slice(0, count);
    this.#waiting = this.#waiting.slice(count);
    this.#told = now.length;
    if (now.length > 0) this.#clock.afterTurn(() => this.#nextTurn());
    for (const tell of now) tell();
  }
}
