/**
 * A time that only runs while the namespace is served. In one epoch it is known exactly; after a crash only
 * that not more was used up than has passed, and not less than was written.
 */
export interface Limit {
  /** How long it is; it may be 0. */
  readonly ms: number;
  /** When something began to count it, or began again. */
  countedSinceMs: number;
  sinceMs: number;
  usedAtMostMs: number;
  usedAtLeastMs: number;
  /** From when on what is written counts; undefined before the first writing. */
  writtenFromMs: number | undefined;
  writtenMs: number;
}

/** When something ends: not before `fromMs`, and at the first tick after `untilMs`. */
export interface Ends {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A limit that has run since `sinceMs`, which may lie before the moment when it came to be. */
export function startLimit(ms: number, sinceMs: number, nowMs = sinceMs): Limit {
  const none = { usedAtMostMs: 0, usedAtLeastMs: 0, writtenFromMs: undefined, writtenMs: 0 };
  return { ms, sinceMs, countedSinceMs: nowMs, ...none };
}

export function endsOf(limit: Limit): Ends {
  const { ms, sinceMs, usedAtLeastMs, usedAtMostMs } = limit;
  return { fromMs: sinceMs + ms - usedAtMostMs, untilMs: sinceMs + ms - usedAtLeastMs };
}

/** Served time was written. */
export function noteWritten(limit: Limit, nowMs: number): void {
  limit.writtenFromMs ??= nowMs;
  limit.writtenMs = nowMs - limit.writtenFromMs;
}

/** The server died at `crashMs` and serves again since `nowMs`. */
export function recoverLimit(limit: Limit, crashMs: number, nowMs: number): void {
  limit.usedAtMostMs = Math.min(limit.ms, limit.usedAtMostMs + crashMs - limit.sinceMs);
  // Served time is written in whole milliseconds, and counts from the one after the first writing.
  limit.usedAtLeastMs += Math.max(0, limit.writtenMs - 2);
  limit.sinceMs = nowMs;
  limit.countedSinceMs = nowMs;
  if (limit.writtenFromMs !== undefined) limit.writtenFromMs = nowMs;
  limit.writtenMs = 0;
}

/** A reader was shown what is left. Throws when it cannot be; otherwise the end is known better. */
export function noteShown(limit: Limit, shownMs: number, nowMs: number): void {
  const { fromMs, untilMs } = endsOf(limit);
  const leastMs = Math.max(0, Math.ceil(fromMs - nowMs));
  const mostMs = Math.max(0, Math.ceil(untilMs - nowMs));
  if (shownMs < leastMs || shownMs > mostMs)
    throw new Error(`broken: ${shownMs} ms are left, not ${leastMs} to ${mostMs}`);
  if (fromMs === untilMs || shownMs === 0) return;
  const { ms, sinceMs } = limit;
  limit.usedAtLeastMs = Math.max(limit.usedAtLeastMs, sinceMs + ms - (nowMs + shownMs));
  limit.usedAtMostMs = Math.min(limit.usedAtMostMs, sinceMs + ms - (nowMs + shownMs - 1));
}

/** What ends when all of these have ended. */
export function lastOf(all: readonly Ends[]): Ends {
  return {
    fromMs: Math.max(...all.map(({ fromMs }) => fromMs)),
    untilMs: Math.max(...all.map(({ untilMs }) => untilMs)),
  };
}
