import type { Clock, Random } from "@lockstep/client";

const BACKOFF_MS_MIN = 50;

/** Settles when the time has passed or the signal is aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      timer.cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = clock.after(ms, end);
    signal.addEventListener("abort", end);
    if (signal.aborted) end();
  });
}

/** The pause after `failures` failures in a row (at least 1): doubling from 50 ms to `maxMs`, a random half of it taken off. */
export function backoffMs(failures: number, random: Random, maxMs: number): number {
  const ceiling = Math.min(BACKOFF_MS_MIN * 2 ** Math.min(failures - 1, 16), maxMs);
  return ceiling * (0.5 + random.fraction() / 2);
}
