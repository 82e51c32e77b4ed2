import type { Clock, Timer } from "./clock.ts";

interface Alarm {
  readonly dueMs: number;
  readonly fn: () => void;
}

// What one turn of real work hands on to the next: messages between a client and a server in one process.
const TURNS_TO_SETTLE = 12;

/** A clock for tests: it moves only when told to, so that every deadline can be met to the millisecond. */
export class ManualClock implements Clock {
  #monotonicMs = 1_000;
  #unixMs = 1_700_000_000_000;
  #awake = 0;
  readonly #alarms = new Set<Alarm>();

  monotonicMs(): number {
    return this.#monotonicMs;
  }

  unixMs(): number {
    return this.#unixMs;
  }

  after(ms: number, fn: () => void): Timer {
    const alarm = { dueMs: this.#monotonicMs + Math.max(0, ms), fn };
    this.#alarms.add(alarm);
    return { cancel: () => this.#alarms.delete(alarm) };
  }

  afterTurn(fn: () => void): void {
    setImmediate(fn);
  }

  afterOthers(fn: () => void): void {
    setImmediate(fn);
  }

  stayAwake(): Timer {
    this.#awake += 1;
    let held = true;
    return {
      cancel: () => {
        if (held) this.#awake -= 1;
        held = false;
      },
    };
  }

  /** How many ask for the process to stay alive. */
  get awake(): number {
    return this.#awake;
  }

  /** Lets everything happen that needs no time to pass. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < TURNS_TO_SETTLE; turn++) {
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Lets time pass: every timer fires at its moment, and what it starts settles before the next one. */
  async advance(ms: number): Promise<void> {
    const end = this.#monotonicMs + ms;
    await this.settle();
    for (;;) {
      const next = this.#next(end);
      if (!next) break;
      this.#moveTo(Math.max(next.dueMs, this.#monotonicMs));
      this.#alarms.delete(next);
      next.fn();
      await this.settle();
    }
    this.#moveTo(end);
    await this.settle();
  }

  /** Somebody sets the wall clock. */
  stepWall(byMs: number): void {
    this.#unixMs += byMs;
  }

  /** The machine sleeps: the wall clock goes on, nothing else does, and no timer fires. */
  sleep(ms: number): void {
    this.#unixMs += ms;
  }

  /** The process stands still: both clocks go on, but no timer fires before something else has run. */
  pause(ms: number): void {
    this.#moveTo(this.#monotonicMs + ms);
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.dueMs <= end && (!first || alarm.dueMs < first.dueMs)) first = alarm;
    }
    return first;
  }

  #moveTo(monotonicMs: number): void {
    this.#unixMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}
