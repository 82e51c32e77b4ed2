import type { Clock, Random } from "@lockstep/client";
import { pause } from "../pause.ts";

/** CLOSED: as always. OPEN: nothing is tried. HALF_OPEN: one probe is under way. */
export type BreakerState = "CLOSED" | "OPEN" | "HALF_OPEN";

/** When a breaker opens, and for how long. */
export interface BreakerOptions {
  /** After so many failures in a row. */
  readonly failures: number;
  /** How long nothing is tried before each probe, milliseconds. */
  readonly pauseMs: number;
}

/** Stops the trying after a number of failures in a row, and then lets one probe through at a time. */
export class Breaker {
  readonly #options: BreakerOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #changed: (state: BreakerState) => void;
  #state: BreakerState = "CLOSED";
  #failures = 0;

  constructor(
    options: BreakerOptions,
    clock: Clock,
    random: Random,
    changed: (state: BreakerState) => void,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#changed = changed;
  }

  get state(): BreakerState {
    return this.#state;
  }

  /** Settles when the next attempt may be made, or the signal is aborted. */
  async ready(signal: AbortSignal): Promise<void> {
    if (this.#state === "CLOSED") return;
    // Up to half of it is taken off, so that many replicas do not probe one database at once.
    const ms = this.#options.pauseMs * (0.5 + this.#random.fraction() / 2);
    await pause(this.#clock, ms, signal);
    if (!signal.aborted) this.#set("HALF_OPEN");
  }

  succeeded(): void {
    this.#failures = 0;
    this.#set("CLOSED");
  }

  failed(): void {
    this.#failures += 1;
    if (this.#failures >= this.#options.failures) this.#set("OPEN");
  }

  #set(state: BreakerState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#changed(state);
  }
}
