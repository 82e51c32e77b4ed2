/** How much the newest hold time weighs in the average. */
const WEIGHT = 1 / 8;

/** What is assumed before any lock has been given back, milliseconds. */
const FIRST_GUESS_MS = 100;

/** A moving average of how long locks are held, for hints when a new attempt is worth while. */
export class HoldTimes {
  #averageMs = FIRST_GUESS_MS;

  /** How long a lock is held, about. */
  get averageMs(): number {
    return this.#averageMs;
  }

  /** What a snapshot tells of it. */
  set averageMs(averageMs: number) {
    this.#averageMs = averageMs;
  }

  /** Takes a hold that is over into account. A wall clock that stepped back counts as no time. */
  saw(heldMs: number): void {
    this.#averageMs += WEIGHT * (Math.max(0, heldMs) - this.#averageMs);
  }
}
