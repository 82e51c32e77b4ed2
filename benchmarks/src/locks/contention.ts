import { percentile } from "../statistics.ts";

/** Takes the lock that all callers want, and gives the way to release it. `caller` is a number from 0. */
export type Contend = (caller: number) => Promise<() => Promise<unknown>>;

/** What callers who want the same lock saw of one another. */
export interface Contention {
  /**
   * Grants per second to somebody else than the holder before. Where nobody queues, whoever releases a lock
   * and wants it again mostly gets it again, while all others wait.
   */
  readonly handOversPerSecond: number;
  /**
   * From the sending of a release by one holder until another one sees its grant: the middle one of all hand-overs,
   * milliseconds; null when there was none. Both are moments in one process, on one clock.
   */
  readonly handOverP50Ms: number | null;
  /** The same: 99 of 100 took less. */
  readonly handOverP99Ms: number | null;
  /**
   * Of 100 grants, how many went to somebody while another waited who had asked earlier. The order of asking is that of
   * the calls; two that are under way at once may well arrive the other way round, so a fair queue shows a little
   * of this too. Requests made before the first grant count for nobody: all are made at once.
   */
  readonly overtakingPercent: number;
}

/** Watches the callers of one lock, told at each of their steps. */
export class ContentionWatch {
  // In the order of asking.
  readonly #waiting = new Map<number, { atOnce: boolean }>();
  readonly #handOversMs: number[] = [];
  #released: { readonly caller: number; readonly atMs: number } | undefined;
  #counted = 0;
  #overtakings = 0;

  /** A caller asks for the lock. */
  asks(caller: number): void {
    this.#waiting.set(caller, { atOnce: this.#released === undefined });
  }

  /** A caller sees that it was granted, and is about to send its release: the lock is held for no time. */
  granted(caller: number): void {
    const nowMs = performance.now();
    if (this.#released !== undefined && this.#released.caller !== caller) {
      this.#handOversMs.push(nowMs - this.#released.atMs);
    }
    this.#released = { caller, atMs: nowMs };
    const asked = this.#waiting.get(caller);
    const [first] = this.#waiting.keys();
    this.#waiting.delete(caller);
    if (asked === undefined || asked.atOnce) return;
    this.#counted++;
    if (first !== caller) this.#overtakings++;
  }

  /** What it saw in so many milliseconds. */
  result(elapsedMs: number): Contention {
    const sorted = this.#handOversMs.sort((a, b) => a - b);
    const at = (share: number) => (sorted.length === 0 ? null : percentile(sorted, share));
    return {
      handOversPerSecond: (sorted.length / elapsedMs) * 1_000,
      handOverP50Ms: at(0.5),
      handOverP99Ms: at(0.99),
      overtakingPercent: this.#counted === 0 ? 0 : (100 * this.#overtakings) / this.#counted,
    };
  }
}
