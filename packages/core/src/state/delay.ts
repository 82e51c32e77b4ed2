import type { LossReason } from "@lockstep/protocol";
import type { Hold } from "./hold.ts";

/**
 * A lost hold that still blocks its keys, as it did when it was held: until its client must have
 * noticed, and for as long as it was asked for.
 */
export interface Delay {
  readonly hold: Hold;
  readonly reason: LossReason;
  readonly lostRevision: bigint;
  readonly lostAtMs: number;
  /** How long the client may go on believing after it was last renewed without being told; 0: not at all. */
  readonly confirmMs: number;
  /** How long the keys stay blocked from the loss beside that; 0: not at all. */
  readonly lockDelayMs: number;
  /** Time served when it began to be counted in the journal; undefined until it is. */
  servedFromMs: number | undefined;
  /** Volatile: when its client must have noticed, on the monotonic clock; in the past once it has confirmed. */
  unconfirmedUntilMs: number;
  /** Volatile: when what was asked for is over, on the monotonic clock. */
  lockDelayUntilMs: number;
}

/** When a delay is over, on the monotonic clock. */
export function delayEndsAtMs(delay: Delay): number {
  return Math.max(delay.unconfirmedUntilMs, delay.lockDelayUntilMs);
}

/** How long a delay still blocks at most. */
export function delayRemainingMs(delay: Delay, monotonicMs: number): number {
  return Math.max(0, delayEndsAtMs(delay) - monotonicMs);
}

/** Whether the client may still believe that it holds. */
export function isUnconfirmed(delay: Delay, monotonicMs: number): boolean {
  return delay.unconfirmedUntilMs > monotonicMs;
}
