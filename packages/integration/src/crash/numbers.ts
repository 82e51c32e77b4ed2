/** Numbers that only depend on their seed, so that a run can be repeated with the same plan. */
export class Numbers {
  #state: number;

  /** @param seed a whole number */
  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761 + 12_345) >>> 0;
  }

  /** A whole number from 0 up to but not including `end`. */
  below(end: number): number {
    // Mulberry32: small, and good enough to mix a plan.
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * end);
  }
}
