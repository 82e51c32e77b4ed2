import { LoopLag, type Stalls } from "./loop-lag.ts";

/** A timer that has been started. */
export interface Timer {
  /** Stops it; harmless when it has fired. */
  cancel(): void;
}

/** Time and turns of the event loop. The only way the server learns of either. */
export interface Clock {
  /** Milliseconds on a clock that never steps, with fractions. Decides everything. */
  monotonicMs(): number;
  /** Unix milliseconds, an integer. Informs people. */
  unixMs(): number;
  /** Runs `fn` once, `ms` from now, at least one turn later. Does not keep the process alive. */
  after(ms: number, fn: () => void): Timer;
  /** Runs `fn` at the end of the present turn, after everything that has already arrived. */
  afterTurn(fn: () => void): void;
  /**
   * Runs `fn` after the event loop has polled for input and what it read has been handed on, so that
   * whatever lay unread in a socket comes before it.
   */
  afterPoll(fn: () => void): void;
  /** How long the event loop has been kept from running since this was first asked. */
  stalls(): Stalls;
}

// What a poll reads is handed on in the turns that follow it: decrypt, frame, decode.
const TURNS_TO_HAND_ON = 3;

// Made when first asked for: to import this module must start nothing.
let loopLag: LoopLag | undefined;

function newLoopLag(): LoopLag {
  const beat = (everyMs: number, fn: () => void) => void setInterval(fn, everyMs).unref();
  return new LoopLag(() => performance.now(), beat);
}

/** The clock of the machine. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(1, Math.ceil(ms)), 2 ** 31 - 1));
    timer.unref();
    return { cancel: () => clearTimeout(timer) };
  },
  afterTurn: (fn) => void setImmediate(fn),
  afterPoll(fn) {
    let turns = TURNS_TO_HAND_ON;
    const turn = () => {
      turns -= 1;
      if (turns < 0) fn();
      else setImmediate(turn);
    };
    setImmediate(turn);
  },
  stalls() {
    loopLag ??= newLoopLag();
    return loopLag.read();
  },
};
