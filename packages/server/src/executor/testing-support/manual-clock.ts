import type { Clock, Timer } from "../../ports/clock.ts";
import type { Stalls } from "../../ports/loop-lag.ts";

/** A clock whose every part is moved by hand: time, turns of the event loop, polls and stalls. */
export class ManualClock implements Clock {
  #nowMs = 1_000;
  #stalledMs = 0;
  readonly #timers = new Set<{ atMs: number; fn: () => void }>();
  readonly #turns: (() => void)[] = [];
  readonly #polls: (() => void)[] = [];

  monotonicMs(): number {
    return this.#nowMs;
  }

  unixMs(): number {
    return 1_700_000_000_000 + this.#nowMs;
  }

  after(ms: number, fn: () => void): Timer {
    const timer = { atMs: this.#nowMs + ms, fn };
    this.#timers.add(timer);
    return { cancel: () => this.#timers.delete(timer) };
  }

  afterTurn(fn: () => void): void {
    this.#turns.push(fn);
  }

  afterPoll(fn: () => void): void {
    this.#polls.push(fn);
  }

  stalls(): Stalls {
    return { totalMs: this.#stalledMs, maxMs: this.#stalledMs };
  }

  /** When the next timer is due, undefined when there is none. */
  nextTimerMs(): number | undefined {
    const dueMs = [...this.#timers].map(({ atMs }) => atMs);
    return dueMs.length === 0 ? undefined : Math.min(...dueMs);
  }

  /** Moves time without running anything. */
  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Moves time in which the event loop did not run. */
  stall(ms: number): void {
    this.pass(ms);
    this.#stalledMs += ms;
  }

  /** Runs the timers that are due, but not what they put behind a poll. */
  fireTimers(): void {
    for (const timer of [...this.#timers]) {
      if (timer.atMs > this.#nowMs || !this.#timers.delete(timer)) continue;
      timer.fn();
    }
  }

  /** Runs what waits for a poll. */
  poll(): void {
    for (const fn of this.#polls.splice(0)) fn();
  }

  /** Ends turns, and lets promises settle, until nothing is left to do in this instant. */
  async settle(): Promise<void> {
    for (let idle = 0; idle < 3; ) {
      const turns = this.#turns.splice(0);
      for (const fn of turns) fn();
      for (let i = 0; i < 20; i++) await Promise.resolve();
      idle = turns.length === 0 ? idle + 1 : 0;
    }
  }

  /** Time passes, due timers fire, the poll follows, everything settles. */
  async advance(ms: number): Promise<void> {
    this.pass(ms);
    this.fireTimers();
    this.poll();
    await this.settle();
  }
}
