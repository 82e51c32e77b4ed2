import type { Timer } from "@lockstep/client";
import { TestProcess } from "./test-process.ts";

/** What is due first at the same moment: a client decides before its server does. */
const CLIENT_RANK = 0;
const SERVER_RANK = 1;

interface Alarm {
  dueMs: number;
  readonly process: TestProcess;
  readonly setAtMs: number;
  readonly order: number;
  readonly fn: () => void;
}

/** So many turns of the event loop without anything new mean that all has come to rest. */
const QUIET_TURNS = 6;
/** More turns than this at one moment mean that something goes in a circle. */
const TURNS_MAX = 100_000;

/**
 * The one time of a test, for all its clients and their server. It stands still until it is advanced.
 * Turns of the event loop are real, so that everything that needs no time happens by itself.
 */
export class TestTime {
  /** What the wall clocks show at the beginning, unix milliseconds. */
  readonly startUnixMs: number;
  /** The process of the server. */
  readonly server: TestProcess;
  readonly #alarms: Alarm[] = [];
  #nowMs = 0;
  #order = 0;
  #noticed = false;
  #advancing: Promise<void> = Promise.resolve();

  /** @param startUnixMs what the wall clocks show at the beginning, unix milliseconds */
  constructor(startUnixMs: number) {
    this.startUnixMs = startUnixMs;
    this.server = new TestProcess(this, SERVER_RANK, 1);
  }

  /** The process of another client, whose clocks run at this rate. */
  client(rate = 1): TestProcess {
    return new TestProcess(this, CLIENT_RANK, rate);
  }

  /** How much time has passed since the beginning, milliseconds. */
  get elapsedMs(): number {
    return this.#nowMs;
  }

  /** Tells that something is under way that needs no time: what it leads to is waited for. */
  notice(): void {
    this.#noticed = true;
  }

  /**
   * Lets time pass, from one due timer to the next; what each starts comes to rest before the next. 0
   * only lets everything come to rest. Calls at the same time follow each other.
   * @throws RangeError for anything but a whole number of milliseconds, 0 or more
   */
  advance(ms: number): Promise<void> {
    if (!Number.isSafeInteger(ms) || ms < 0) {
      throw new RangeError(`time advances by a whole number of milliseconds, not by ${ms}`);
    }
    this.#advancing = this.#advancing.then(() => this.#advanceTo(this.#nowMs + ms));
    return this.#advancing;
  }

  /** Calls back in so many milliseconds, unless the process stands still then. */
  after(process: TestProcess, ms: number, fn: () => void): Timer {
    const alarm = {
      dueMs: this.#nowMs + ms,
      process,
      setAtMs: this.#nowMs,
      order: this.#order++,
      fn,
    };
    this.#alarms.push(alarm);
    this.#sort();
    this.notice();
    return { cancel: () => void this.#cancel(alarm) };
  }

  /** Calls back in the next turn. */
  nextTurn(fn: () => void): Timer {
    let cancelled = false;
    this.afterTurns(1, () => {
      if (!cancelled) fn();
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  /** Calls back after so many turns. */
  afterTurns(turns: number, fn: () => void): void {
    this.notice();
    setImmediate(() => {
      this.notice();
      if (turns > 1) this.afterTurns(turns - 1, fn);
      else fn();
    });
  }

  /** The timers of a process have stood still since then, or since they were set. */
  postpone(process: TestProcess, sinceMs: number): void {
    for (const alarm of this.#alarms) {
      if (alarm.process !== process) continue;
      alarm.dueMs += this.#nowMs - Math.max(sinceMs, alarm.setAtMs);
    }
    this.#sort();
  }

  /** Fires what should have fired while a process stood still. */
  fireOverdue(process: TestProcess): void {
    this.notice();
    this.#fire((alarm) => alarm.process === process);
  }

  async #advanceTo(targetMs: number): Promise<void> {
    await this.#rest();
    for (let next = this.#next(targetMs); next; next = this.#next(targetMs)) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      const { rank } = next.process;
      this.#fire(({ process }) => process.rank === rank);
      await this.#rest();
    }
    this.#nowMs = targetMs;
  }

  #next(targetMs: number): Alarm | undefined {
    return this.#alarms.find(({ dueMs, process }) => dueMs <= targetMs && !process.standstill);
  }

  /** Fires everything chosen that is due, and nothing that it starts. */
  #fire(chosen: (alarm: Alarm) => boolean): void {
    const due = this.#alarms.filter(
      (alarm) => alarm.dueMs <= this.#nowMs && !alarm.process.standstill && chosen(alarm),
    );
    for (const alarm of due) {
      // One of them may have cancelled another.
      if (this.#cancel(alarm)) alarm.fn();
    }
  }

  async #rest(): Promise<void> {
    let turns = 0;
    for (let quiet = 0; quiet < QUIET_TURNS; quiet++) {
      this.#noticed = false;
      await new Promise<void>((resolve) => setImmediate(resolve));
      if (this.#noticed) quiet = -1;
      turns += 1;
      if (turns > TURNS_MAX)
        throw new Error("the test never comes to rest: something goes in a circle");
    }
  }

  #sort(): void {
    this.#alarms.sort(
      (a, b) => a.dueMs - b.dueMs || a.process.rank - b.process.rank || a.order - b.order,
    );
  }

  #cancel(alarm: Alarm): boolean {
    const place = this.#alarms.indexOf(alarm);
    if (place >= 0) this.#alarms.splice(place, 1);
    return place >= 0;
  }
}
