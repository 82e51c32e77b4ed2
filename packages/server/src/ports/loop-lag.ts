/** How long the event loop has been kept from running. */
export interface Stalls {
  /** All stalls together, milliseconds. */
  readonly totalMs: number;
  /** The longest one, milliseconds. */
  readonly maxMs: number;
}

const BEAT_MS = 100;
/** Less than this is the ordinary unpunctuality of timers. */
const STALL_MS_MIN = 10;

/**
 * Measures stalls of the event loop: a pause of the process, or something that computed for too long.
 * A beat that comes late has found one; so has anyone who reads when the beat is overdue, because what
 * runs first after a stall need not be the beat.
 */
export class LoopLag {
  readonly #monotonicMs: () => number;
  #dueMs: number;
  #totalMs = 0;
  #maxMs = 0;

  /** `beat` calls back every so many milliseconds without keeping the process alive. */
  constructor(monotonicMs: () => number, beat: (everyMs: number, fn: () => void) => void) {
    this.#monotonicMs = monotonicMs;
    this.#dueMs = monotonicMs() + BEAT_MS;
    beat(BEAT_MS, () => {
      this.read();
      this.#dueMs = monotonicMs() + BEAT_MS;
    });
  }

  /** The stalls up to this moment. */
  read(): Stalls {
    const nowMs = this.#monotonicMs();
    const lateMs = nowMs - this.#dueMs;
    if (lateMs > STALL_MS_MIN) {
      this.#totalMs += lateMs;
      if (lateMs > this.#maxMs) this.#maxMs = lateMs;
      // The next beat cannot be late before it had its time.
      this.#dueMs = nowMs + BEAT_MS;
    }
    return { totalMs: this.#totalMs, maxMs: this.#maxMs };
  }
}
