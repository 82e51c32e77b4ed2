import { type Clock, systemClock, type Timer } from "./clock.ts";
import type { Stalls } from "./loop-lag.ts";

interface DueTimer {
  readonly dueMs: number;
  readonly order: number;
  readonly fn: () => void;
}

// A reply passes through several turns of the event loop until everybody has seen it.
const QUIET_POLLS = 3;

/**
 * A clock that stands still until it is advanced. Turns and polls of the event loop are real, so that
 * I/O works as ever; only time is not.
 */
export class VirtualClock implements Clock {
  readonly #startUnixMs: number;
  readonly #busy = new Set<() => boolean>();
  #timers: DueTimer[] = [];
  #nowMs = 0;
  #order = 0;
  #advancing: Promise<void> = Promise.resolve();

  /** Starts at 0 on the monotonic clock and at `startUnixMs` on the wall clock. */
  constructor(startUnixMs: number) {
    this.#startUnixMs = startUnixMs;
  }

  monotonicMs(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return this.#startUnixMs + Math.floor(this.#nowMs);
  }

  after(ms: number, fn: () => void): Timer {
    const timer = { dueMs: this.#nowMs + Math.max(1, Math.ceil(ms)), order: this.#order++, fn };
    this.#timers.splice(this.#placeOf(timer), 0, timer);
    return {
      cancel: () => {
        const place = this.#placeOf(timer);
        if (this.#timers[place] === timer) this.#timers.splice(place, 1);
      },
    };
  }

  afterTurn(fn: () => void): void {
    systemClock.afterTurn(fn);
  }

  afterPoll(fn: () => void): void {
    systemClock.afterPoll(fn);
  }

  /** Virtual time stands still while the event loop does. */
  stalls(): Stalls {
    return { totalMs: 0, maxMs: 0 };
  }

  /** When the next timer is due, undefined when there is none. */
  nextTimerMs(): number | undefined {
    return this.#timers[0]?.dueMs;
  }

  /**
   * Tells the clock of work that takes real time, such as a commit on its way to a disk: while `busy`
   * says true, time does not go on. Returns the way to stop.
   */
  watchWork(busy: () => boolean): () => void {
    this.#busy.add(busy);
    return () => void this.#busy.delete(busy);
  }

  /**
   * Moves time forward from one due timer to the next, each time waiting until what it started has
   * settled. 0 only settles. Calls at the same time follow each other.
   */
  advance(ms: number): Promise<void> {
    this.#advancing = this.#advancing.then(() => this.#advanceTo(this.#nowMs + ms));
    return this.#advancing;
  }

  async #advanceTo(targetMs: number): Promise<void> {
    await this.#settle();
    for (let next = this.#timers[0]; next && next.dueMs <= targetMs; next = this.#timers[0]) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      while (next && next.dueMs <= this.#nowMs) {
        this.#timers.shift();
        next.fn();
        next = this.#timers[0];
      }
      await this.#settle();
    }
    this.#nowMs = targetMs;
  }

  async #settle(): Promise<void> {
    for (let quiet = 0; quiet < QUIET_POLLS; ) {
      await new Promise<void>((resolve) => systemClock.afterPoll(resolve));
      quiet = [...this.#busy].some((busy) => busy()) ? 0 : quiet + 1;
    }
  }

  /** Where a timer stands, or would: by due time, then by order of arrival. */
  #placeOf({ dueMs, order }: DueTimer): number {
    let low = 0;
    let high = this.#timers.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = this.#timers[middle] as DueTimer;
      if (other.dueMs < dueMs || (other.dueMs === dueMs && other.order < order)) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
