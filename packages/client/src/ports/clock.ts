/** A timer that has been started. */
export interface Timer {
  /** Stops it; harmless when it has fired. */
  cancel(): void;
}

/** Time and turns of the event loop. The only way the client learns of either. */
export interface Clock {
  /** Milliseconds on a clock that never steps, with fractions. May stand still while the machine sleeps. */
  monotonicMs(): number;
  /** Unix milliseconds. Goes on while the machine sleeps, but may be set. */
  unixMs(): number;
  /** Runs `fn` once, `ms` from now, at least one turn later. Does not keep the process alive. */
  after(ms: number, fn: () => void): Timer;
  /** Runs `fn` once what the present event has brought has been dealt with, promises included. */
  afterTurn(fn: () => void): void;
  /** Runs `fn` once, after events and timers that are there already: for long work, to leave the others their turn. */
  afterOthers(fn: () => void): void;
  /** Keeps the process alive until the returned timer is cancelled. */
  stayAwake(): Timer;
}

/** A moment on both clocks. */
export interface Instant {
  /** Milliseconds on the clock that never steps. */
  readonly monotonicMs: number;
  /** Unix milliseconds. */
  readonly unixMs: number;
}

/** The present moment. */
export function instantOf(clock: Clock): Instant {
  return { monotonicMs: clock.monotonicMs(), unixMs: clock.unixMs() };
}

/**
 * How much time may have passed since a moment: the larger of what the two clocks say. The wall clock
 * counts the time a machine slept, the other one cannot be set back.
 */
export function elapsedMs(clock: Clock, since: Instant): number {
  return Math.max(clock.monotonicMs() - since.monotonicMs, clock.unixMs() - since.unixMs);
}

const MAX_TIMER_MS = 2 ** 31 - 1;

/** The clock of the machine. */
export const systemClock: Clock = {
  monotonicMs: () => performance.now(),
  unixMs: () => Date.now(),
  after(ms, fn) {
    const timer = setTimeout(fn, Math.min(Math.max(1, Math.ceil(ms)), MAX_TIMER_MS));
    unref(timer);
    return { cancel: () => clearTimeout(timer) };
  },
  afterTurn(fn) {
    // After all that the event brought has run, promises included, and before the next event. Browsers have no such thing.
    if (typeof process === "object" && "nextTick" in process) process.nextTick(fn);
    else setTimeout(fn, 0);
  },
  afterOthers(fn) {
    if (typeof setImmediate === "function") setImmediate(fn);
    else setTimeout(fn, 0);
  },
  stayAwake() {
    const timer = setInterval(() => {}, MAX_TIMER_MS);
    return { cancel: () => clearInterval(timer) };
  },
};

/** In a browser a timer is a number, and there is no process to keep alive. */
function unref(timer: unknown): void {
  if (typeof timer === "object" && timer !== null && "unref" in timer) {
    (timer as { unref(): void }).unref();
  }
}
