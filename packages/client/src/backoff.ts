import type { Random } from "./ports/random.ts";

/** Shortest pause before something is tried again. */
export const BACKOFF_MS_MIN = 50;
/** Longest pause before something is tried again. */
export const BACKOFF_MS_MAX = 2_000;

/**
 * The pause before the next attempt after `failures` failed ones in a row (at least 1): doubling from
 * BACKOFF_MS_MIN up to `maxMs`, of which a random half is taken off, so that many clients do not come at once.
 */
export function backoffMs(failures: number, random: Random, maxMs = BACKOFF_MS_MAX): number {
  const ceiling = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 16), maxMs);
  return ceiling * (0.5 + random.fraction() / 2);
}
