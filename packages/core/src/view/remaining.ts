/** What is left of a time as a message tells it: whole milliseconds, rounded up, never below 0. */
export function remainingMs(ms: number): bigint {
  return BigInt(Math.max(0, Math.ceil(ms)));
}
