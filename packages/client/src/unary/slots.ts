/** Lets at most so many run at once; the others wait in order. */
export class Slots {
  readonly #max: number;
  #running = 0;
  readonly #waiting = new Set<() => void>();

  constructor(max: number) {
    this.#max = max;
  }

  /** How many wait for a slot. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** Forgets those who wait: they are never started. */
  dropWaiting(): void {
    this.#waiting.clear();
  }

  /**
   * Calls `start` as soon as a slot is free, at once if one is. Returns the way to give the place in
   * the queue, or the slot, back; every `start` needs it called in the end.
   */
  take(start: () => void): () => void {
    let holds = false;
    const run = () => {
      this.#waiting.delete(run);
      this.#running += 1;
      holds = true;
      start();
    };
    if (this.#running < this.#max) run();
    else this.#waiting.add(run);
    return () => {
      this.#waiting.delete(run);
      if (!holds) return;
      holds = false;
      this.#running -= 1;
      for (const next of this.#waiting) {
        if (this.#running >= this.#max) break;
        next();
      }
    };
  }
}
