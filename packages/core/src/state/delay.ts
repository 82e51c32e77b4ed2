import type { Delay } from "./state.ts";

/** How much of a delay has been used up, in this and earlier epochs. */
export function delayConsumedMs(delay: Delay, monotonicMs: number): number {
  return Math.min(delay.ttlMs, delay.consumedBeforeMs + Math.max(0, monotonicMs - delay.sinceMs));
}

/** When a delay is over, on the monotonic clock. */
export function delayEndsAtMs(delay: Delay): number {
  return delay.sinceMs + delay.ttlMs - delay.consumedBeforeMs;
}

/** How long a delay still blocks at most. */
export function delayRemainingMs(delay: Delay, monotonicMs: number): number {
  return delay.ttlMs - delayConsumedMs(delay, monotonicMs);
}
