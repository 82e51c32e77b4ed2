import type { Clock as ClientClock, Timer } from "@lockstep/client";
import type { Clock as ServerClock } from "@lockstep/server";
import { LoopLag } from "@lockstep/server/internal";
import type { Chance } from "../chance.ts";
import { type ClockSettings, ProcessClock } from "./process-clock.ts";
import type { Scheduled, Scheduler } from "./scheduler.ts";

interface ProcessTimer {
  readonly dueMs: number;
  readonly fn: () => void;
  readonly calm: boolean;
  scheduled: Scheduled | undefined;
  over: boolean;
}

// A clock reading that was turned into true time and back.
const ROUNDING_MS = 1e-6;
/** Turns of the event loop in which what a poll has read is handed on, and the poll itself. */
const TURNS_OF_A_POLL = 4;

/**
 * One process: it has clocks of its own, can stand still and can die. While it stands still everything
 * that would have happened in it waits; afterwards its due timers come first, then what lay in its
 * sockets, then the rest of its turn, as in Node.
 */
export class SimProcess {
  readonly name: string;
  readonly clock: ProcessClock;
  readonly #scheduler: Scheduler;
  readonly #chance: Chance;
  readonly #timerLateMs: number;
  #state: "running" | "paused" | "dead" = "running";
  #waitingTimers: ProcessTimer[] = [];
  #waitingInputs: (() => void)[] = [];
  #waitingTurns: (() => void)[] = [];
  #awake = 0;

  /** @param timerLateMs how late its timers fire at most, milliseconds */
  constructor(
    name: string,
    scheduler: Scheduler,
    settings: ClockSettings,
    chance: Chance,
    timerLateMs: number,
  ) {
    this.name = name;
    this.#scheduler = scheduler;
    this.#chance = chance;
    this.#timerLateMs = timerLateMs;
    this.clock = new ProcessClock(settings, scheduler.nowMs);
  }

  get running(): boolean {
    return this.#state === "running";
  }

  get dead(): boolean {
    return this.#state === "dead";
  }

  get monotonicMs(): number {
    return this.clock.monotonicMs(this.#scheduler.nowMs);
  }

  get unixMs(): number {
    return this.clock.unixMs(this.#scheduler.nowMs);
  }

  /** How many reasons its code gives for the process to stay alive. */
  get reasonsToStay(): number {
    return this.#awake;
  }

  /** How much has arrived that it has not been able to read. */
  get unread(): number {
    return this.#waitingInputs.length;
  }

  /** Something arrives from outside: it runs now, after the pause, or never. */
  input(fn: () => void): void {
    if (this.#state === "running") fn();
    else if (this.#state === "paused") this.#waitingInputs.push(fn);
  }

  /** Stands still. With `asleep` the whole machine does. */
  pause(asleep: boolean): void {
    if (this.#state !== "running") return;
    this.#state = "paused";
    if (asleep) this.clock.fallAsleep(this.#scheduler.nowMs);
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const now = this.#scheduler.nowMs;
    this.clock.wakeUp(now);
    const timers = this.#waitingTimers.sort((a, b) => a.dueMs - b.dueMs);
    const inputs = this.#waitingInputs;
    const turns = this.#waitingTurns;
    this.#waitingTimers = [];
    this.#waitingInputs = [];
    this.#waitingTurns = [];
    for (const timer of timers) this.#scheduler.at(now, () => this.#fire(timer), timer.calm);
    for (const fn of inputs) this.#scheduler.at(now, () => this.input(fn));
    for (const fn of turns) this.#scheduler.at(now, () => this.#turn(fn));
  }

  /** Dies without a word. */
  kill(): void {
    this.#state = "dead";
    this.#waitingTimers = [];
    this.#waitingInputs = [];
    this.#waitingTurns = [];
  }

  after(ms: number, fn: () => void, calm = false): Timer {
    const waitMs = Math.max(1, Math.ceil(ms));
    const timer: ProcessTimer = {
      dueMs: this.monotonicMs + waitMs,
      fn,
      calm,
      scheduled: undefined,
      over: false,
    };
    const late = calm ? 0 : this.#timerLateMs * this.#chance.fraction();
    this.#schedule(timer, waitMs + late);
    return {
      cancel: () => {
        timer.over = true;
        timer.scheduled?.cancel();
      },
    };
  }

  afterTurn(fn: () => void): void {
    this.#scheduler.at(this.#scheduler.nowMs, () => this.#turn(fn));
  }

  /** Runs `fn` after so many turns. */
  afterTurns(turns: number, fn: () => void): void {
    if (turns <= 0) fn();
    else this.afterTurn(() => this.afterTurns(turns - 1, fn));
  }

  clientClock(): ClientClock {
    return {
      monotonicMs: () => this.monotonicMs,
      unixMs: () => this.unixMs,
      after: (ms, fn) => this.after(ms, fn),
      afterTurn: (fn) => this.afterTurn(fn),
      afterOthers: (fn) => this.afterTurns(TURNS_OF_A_POLL, fn),
      stayAwake: () => this.#stayAwake(),
    };
  }

  serverClock(): ServerClock {
    const beat = (everyMs: number, fn: () => void) => this.#beat(everyMs, fn);
    const lag = new LoopLag(() => this.monotonicMs, beat);
    return {
      monotonicMs: () => this.monotonicMs,
      unixMs: () => this.unixMs,
      after: (ms, fn) => this.after(ms, fn),
      afterTurn: (fn) => this.afterTurn(fn),
      afterPoll: (fn) => this.afterTurns(TURNS_OF_A_POLL, fn),
      stalls: () => lag.read(),
    };
  }

  #beat(everyMs: number, fn: () => void): void {
    this.after(
      everyMs,
      () => {
        fn();
        this.#beat(everyMs, fn);
      },
      true,
    );
  }

  #stayAwake(): Timer {
    this.#awake += 1;
    let held = true;
    return {
      cancel: () => {
        if (held) this.#awake -= 1;
        held = false;
      },
    };
  }

  #schedule(timer: ProcessTimer, clockMs: number): void {
    const atMs = this.#scheduler.nowMs + this.clock.trueMs(clockMs);
    timer.scheduled = this.#scheduler.at(atMs, () => this.#fire(timer), timer.calm);
  }

  #fire(timer: ProcessTimer): void {
    if (timer.over || this.#state === "dead") return;
    if (this.#state === "paused") {
      this.#waitingTimers.push(timer);
      return;
    }
    // The monotonic clock stood still while the machine slept.
    const earlyMs = timer.dueMs - this.monotonicMs;
    if (earlyMs > ROUNDING_MS) {
      this.#schedule(timer, earlyMs);
      return;
    }
    timer.over = true;
    timer.fn();
  }

  #turn(fn: () => void): void {
    if (this.#state === "running") fn();
    else if (this.#state === "paused") this.#waitingTurns.push(fn);
  }
}
