import type { Clock as ClientClock, Timer } from "@lockstep/client";
import type { Clock as ServerClock } from "@lockstep/server";
import type { TestTime } from "./test-time.ts";

/** One process of a test, a client or the server, with the clocks of the machine it runs on. */
export class TestProcess {
  /** Which comes first at the same moment: lower ones do. */
  readonly rank: number;
  readonly #time: TestTime;
  readonly #rate: number;
  // Since when it stands still, by the test's time.
  #pausedAtMs: number | undefined;
  #asleep = false;
  #sleptMs = 0;
  #stalls = { totalMs: 0, maxMs: 0 };
  #wallShiftMs = 0;
  #running: Promise<void> | undefined;
  #resume: () => void = () => {};

  /** @param rate how fast its clocks run; 1 is right */
  constructor(time: TestTime, rank: number, rate: number) {
    this.#time = time;
    this.rank = rank;
    this.#rate = rate;
  }

  /** Resolves when it runs again; undefined while it runs. */
  get standstill(): Promise<void> | undefined {
    return this.#running;
  }

  /** What its wall clock shows, unix milliseconds. */
  get unixMs(): number {
    const ranMs = Math.floor(this.#time.elapsedMs * this.#rate);
    return this.#time.startUnixMs + ranMs + this.#wallShiftMs;
  }

  /** Sets the wall clock forward, or back when negative. */
  shiftWallClock(ms: number): void {
    this.#wallShiftMs += ms;
  }

  /** It stands still. Asleep, its machine does: the monotonic clock and the timers stand still too. */
  pause(asleep: boolean): void {
    if (this.#running) return;
    this.#pausedAtMs = this.#time.elapsedMs;
    this.#asleep = asleep;
    this.#running = new Promise((resolve) => {
      this.#resume = resolve;
    });
  }

  /** It goes on: first with the timers that are overdue, then with what has arrived. */
  resume(): void {
    if (this.#pausedAtMs === undefined) return;
    const pausedMs = this.#time.elapsedMs - this.#pausedAtMs;
    if (this.#asleep) {
      this.#sleptMs += pausedMs;
      this.#time.postpone(this, this.#pausedAtMs);
    } else {
      const { totalMs, maxMs } = this.#stalls;
      this.#stalls = { totalMs: totalMs + pausedMs, maxMs: Math.max(maxMs, pausedMs) };
    }
    this.#pausedAtMs = undefined;
    this.#running = undefined;
    this.#time.fireOverdue(this);
    this.#resume();
  }

  /** The clock of a client that runs in it. */
  clientClock(): ClientClock {
    return {
      ...this.#common(),
      // What a client wants at once needs no time to pass.
      after: (ms, fn) => (ms <= 0 ? this.#time.nextTurn(fn) : this.#after(ms, fn)),
      afterOthers: (fn) => this.#time.afterTurns(2, fn),
      stayAwake: () => ({ cancel: () => undefined }),
    };
  }

  /** The clock of a server that runs in it. */
  serverClock(): ServerClock {
    return {
      ...this.#common(),
      after: (ms, fn) => this.#after(ms, fn),
      afterPoll: (fn) => this.#time.afterTurns(2, fn),
      // Otherwise time stands still while the event loop does.
      stalls: () => this.#stalls,
    };
  }

  #common() {
    return {
      monotonicMs: () => this.#monotonicMs(),
      unixMs: () => this.unixMs,
      afterTurn: (fn: () => void) => this.#time.afterTurns(1, fn),
    };
  }

  #monotonicMs(): number {
    const stoppedAtMs = this.#asleep ? this.#pausedAtMs : undefined;
    return ((stoppedAtMs ?? this.#time.elapsedMs) - this.#sleptMs) * this.#rate;
  }

  #after(ms: number, fn: () => void): Timer {
    return this.#time.after(this, Math.max(1, Math.ceil(ms)) / this.#rate, fn);
  }
}
