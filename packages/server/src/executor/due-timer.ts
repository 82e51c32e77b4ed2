import type { Clock, Timer } from "../ports/clock.ts";
import { leaseNow } from "./lease-clock.ts";

/**
 * Wakes the executor when something may be due. A timer only nominates: after a stall it fires before
 * the renewals that lie unread in their sockets, so the poll comes first and the executor looks again.
 */
export class DueTimer {
  readonly #clock: Clock;
  readonly #nominate: () => void;
  #timer: Timer | undefined;
  #atMs = Number.POSITIVE_INFINITY;
  /** A look was asked for and has not been taken. */
  #nominated = false;

  constructor(clock: Clock, nominate: () => void) {
    this.#clock = clock;
    this.#nominate = nominate;
  }

  /** Makes sure to wake at this moment of the lease clock, or before; the look that was asked for comes first. */
  lookAt(atMs: number | undefined): void {
    if (atMs === undefined || atMs >= this.#atMs || this.#nominated) return;
    this.close();
    this.#atMs = atMs;
    const inMs = Math.max(0, atMs - leaseNow(this.#clock).monotonicMs);
    this.#timer = this.#clock.after(inMs, () => this.#fired());
  }

  /** The executor looks now: from here on it can be woken again. */
  looked(): void {
    this.#nominated = false;
  }

  close(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    this.#atMs = Number.POSITIVE_INFINITY;
  }

  #fired(): void {
    this.close();
    // While a stalled journal keeps it waiting, what is due would otherwise ask again and again.
    this.#nominated = true;
    this.#clock.afterPoll(this.#nominate);
  }
}
