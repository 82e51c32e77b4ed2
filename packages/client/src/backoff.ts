import type { Random } from "./ports/random.ts";

/** Shortest pause before something is tried again. */
export const BACKOFF_MIN_MS = 50;
/** Longest pause before something is tried again. */
export const BACKOFF_MAX_MS = 2_000;

/**
 * The pause before the next attempt after `failures` failed ones in a row (at least 1): doubling from
 * BACKOFF_MIN_MS up to `maxMs`, of which a random half is taken off, so that many clients do not come at once.
 */
export function backoffMs(failures: number, random: Random, maxMs = BACKOFF_MAX_MS): number {
  const ceiling = Math.min(BACKOFF_MIN_MS * 2 ** Math.min(failures - 1, 16), maxMs);
  return ceiling * (0.5 + random.fraction() / 2);
}
