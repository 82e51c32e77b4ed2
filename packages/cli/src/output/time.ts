/** A server's unix milliseconds as people read them, UTC, to the millisecond. */
export function timeText(unixMs: bigint): string {
  const time = new Date(Number(unixMs));
  return Number.isNaN(time.getTime()) ? `${unixMs}ms` : time.toISOString();
}

/** A duration as people read it, in the largest unit that keeps it exact. */
export function durationText(ms: bigint): string {
  if (ms === 0n) return "0s";
  if (ms % 3_600_000n === 0n) return `${ms / 3_600_000n}h`;
  if (ms % 60_000n === 0n) return `${ms / 60_000n}m`;
  if (ms % 1_000n === 0n) return `${ms / 1_000n}s`;
  return `${ms}ms`;
}
