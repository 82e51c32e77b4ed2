/** How the clocks of a machine run. */
export interface ClockSettings {
  /** How fast they run: 1.002 gains two milliseconds each second. */
  readonly rate: number;
  /** What the monotonic clock shows at the start of the process, milliseconds. */
  readonly monotonicMs: number;
  /** How far the wall clock is off at the beginning, milliseconds. */
  readonly wallOffsetMs: number;
  /** Whether the monotonic clock stands still while the machine sleeps. */
  readonly sleepStopsMonotonic: boolean;
}

/**
 * The fastest and the slowest a clock runs here. Together they stay within the one percent that the
 * client's deadline allows for.
 */
export const CLOCK_RATE_MIN = 0.9955;
/** See CLOCK_RATE_MIN. */
export const CLOCK_RATE_MAX = 1.0045;

/** What every wall clock shows at the beginning but for its offset: 2026-01-01T00:00:00Z. */
export const START_UNIX_MS = 1_767_225_600_000;

/** The monotonic clock and the wall clock of one process, as functions of true time. */
export class ProcessClock {
  readonly #settings: ClockSettings;
  readonly #startMs: number;
  #sleptMs = 0;
  #sleepsSinceMs: number | undefined;
  #steppedMs = 0;

  constructor(settings: ClockSettings, startMs: number) {
    this.#settings = settings;
    this.#startMs = startMs;
  }

  /** Whether the monotonic clock stands still while the machine sleeps. */
  get sleepStopsMonotonic(): boolean {
    return this.#settings.sleepStopsMonotonic;
  }

  monotonicMs(trueMs: number): number {
    const { monotonicMs, rate } = this.#settings;
    const asleep = this.#sleepsSinceMs === undefined ? 0 : trueMs - this.#sleepsSinceMs;
    return monotonicMs + (trueMs - this.#startMs - this.#sleptMs - asleep) * rate;
  }

  unixMs(trueMs: number): number {
    const { wallOffsetMs, rate } = this.#settings;
    return Math.floor(START_UNIX_MS + wallOffsetMs + trueMs * rate + this.#steppedMs);
  }

  /** How long so many milliseconds of this clock are in true time. */
  trueMs(clockMs: number): number {
    return clockMs / this.#settings.rate;
  }

  /** Somebody sets the wall clock. */
  step(ms: number): void {
    this.#steppedMs += ms;
  }

  fallAsleep(trueMs: number): void {
    if (this.#settings.sleepStopsMonotonic) this.#sleepsSinceMs = trueMs;
  }

  wakeUp(trueMs: number): void {
    if (this.#sleepsSinceMs === undefined) return;
    this.#sleptMs += trueMs - this.#sleepsSinceMs;
    this.#sleepsSinceMs = undefined;
  }
}
