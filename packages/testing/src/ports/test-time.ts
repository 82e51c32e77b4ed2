import type { Clock as ClientClock, Timer } from "@lockstep/client";
import type { Clock as ServerClock } from "@lockstep/server";

/** What is due first at the same moment: a client decides before its server does. */
const CLIENT_RANK = 0;
const SERVER_RANK = 1;

interface Alarm {
  readonly dueMs: number;
  readonly rank: number;
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
  /** What clients go by. */
  readonly clientClock: ClientClock;
  /** What the server goes by. */
  readonly serverClock: ServerClock;
  readonly #startUnixMs: number;
  readonly #alarms: Alarm[] = [];
  #nowMs = 0;
  #order = 0;
  #noticed = false;
  #advancing: Promise<void> = Promise.resolve();

  /** @param startUnixMs what the wall clocks show at the beginning, unix milliseconds */
  constructor(startUnixMs: number) {
    this.#startUnixMs = startUnixMs;
    const common = {
      monotonicMs: () => this.#nowMs,
      unixMs: () => this.unixMs,
      afterTurn: (fn: () => void) => this.#afterTurns(1, fn),
    };
    this.clientClock = {
      ...common,
      after: (ms, fn) =>
        // What a client wants at once needs no time to pass.
        ms <= 0 ? this.#nextTurn(fn) : this.#after(CLIENT_RANK, ms, fn),
      stayAwake: () => ({ cancel: () => undefined }),
    };
    this.serverClock = {
      ...common,
      after: (ms, fn) => this.#after(SERVER_RANK, ms, fn),
      afterPoll: (fn) => this.#afterTurns(2, fn),
      // Time stands still while the event loop does.
      stalls: () => ({ totalMs: 0, maxMs: 0 }),
    };
  }

  /** What the wall clocks show, unix milliseconds. */
  get unixMs(): number {
    return this.#startUnixMs + Math.floor(this.#nowMs);
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

  async #advanceTo(targetMs: number): Promise<void> {
    await this.#rest();
    for (let next = this.#alarms[0]; next && next.dueMs <= targetMs; next = this.#alarms[0]) {
      this.#nowMs = Math.max(this.#nowMs, next.dueMs);
      this.#fire(next.rank);
      await this.#rest();
    }
    this.#nowMs = targetMs;
  }

  /** Fires everything of one rank that is due, and nothing that it starts. */
  #fire(rank: number): void {
    const due = this.#alarms.filter((alarm) => alarm.rank === rank && alarm.dueMs <= this.#nowMs);
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

  #after(rank: number, ms: number, fn: () => void): Timer {
    const dueMs = this.#nowMs + Math.max(1, Math.ceil(ms));
    const alarm = { dueMs, rank, order: this.#order++, fn };
    this.#alarms.push(alarm);
    this.#alarms.sort((a, b) => a.dueMs - b.dueMs || a.rank - b.rank || a.order - b.order);
    this.notice();
    return { cancel: () => void this.#cancel(alarm) };
  }

  #cancel(alarm: Alarm): boolean {
    const place = this.#alarms.indexOf(alarm);
    if (place >= 0) this.#alarms.splice(place, 1);
    return place >= 0;
  }

  #nextTurn(fn: () => void): Timer {
    let cancelled = false;
    this.#afterTurns(1, () => {
      if (!cancelled) fn();
    });
    return {
      cancel: () => {
        cancelled = true;
      },
    };
  }

  #afterTurns(turns: number, fn: () => void): void {
    this.notice();
    setImmediate(() => {
      this.notice();
      if (turns > 1) this.#afterTurns(turns - 1, fn);
      else fn();
    });
  }
}
