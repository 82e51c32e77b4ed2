/** Seconds of real time since `start`, a value of `stopwatch`; only to report how fast seeds run. */
export function secondsSince(start: number): number {
  return (performance.now() - start) / 1_000;
}

/** The present moment, for `secondsSince`. */
export function stopwatch(): number {
  return performance.now();
}
