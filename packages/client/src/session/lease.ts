import { type Clock, elapsedMs, type Instant } from "../ports/clock.ts";

// The client stops believing before the server may give the lock to somebody else: 1 % for clocks that
// run at different speeds, 10 ms for timers that fire late.
const DRIFT_SHARE = 0.99;
const MARGIN_MS = 10;
const AT_RISK_SHARE = 2 / 3;

/**
 * How long the client may believe that its session lives. Everything counts from the moment a request
 * was sent, never from the moment its reply came.
 */
export class Lease {
  readonly #clock: Clock;
  #since: Instant;
  #ttlMs: number;
  #passed = false;

  /** @param firstAttempt when the first attempt to open the session was sent; a repeat adds no time */
  constructor(clock: Clock, ttlMs: number, firstAttempt: Instant) {
    this.#clock = clock;
    this.#ttlMs = ttlMs;
    this.#since = firstAttempt;
  }

  /** The session's time to live, milliseconds. */
  get ttlMs(): number {
    return this.#ttlMs;
  }

  /** How long until the deadline; 0 once it has passed, for good. */
  remainingMs(): number {
    if (this.#passed) return 0;
    const remaining = leaseMs(this.#ttlMs) - elapsedMs(this.#clock, this.#since);
    if (remaining > 0) return remaining;
    this.#passed = true;
    return 0;
  }

  /** How long ago the request was sent from which the deadline counts, milliseconds. */
  ageMs(): number {
    return elapsedMs(this.#clock, this.#since);
  }

  /** Two thirds of the time to live have gone by without an acknowledged renewal. */
  atRisk(): boolean {
    return this.#passed || elapsedMs(this.#clock, this.#since) >= this.#ttlMs * AT_RISK_SHARE;
  }

  /** An attempt that was sent at `sentAt` was acknowledged. Never brings back what has passed, never takes time away. */
  renew(sentAt: Instant, ttlMs: number): void {
    const left = leaseMs(ttlMs) - elapsedMs(this.#clock, sentAt);
    const remaining = this.remainingMs();
    if (remaining === 0 || left <= remaining) return;
    this.#since = sentAt;
    this.#ttlMs = ttlMs;
  }
}

/** How long after the send time a session with this time to live may be believed in, milliseconds. */
export function leaseMs(ttlMs: number): number {
  return ttlMs * DRIFT_SHARE - MARGIN_MS;
}
