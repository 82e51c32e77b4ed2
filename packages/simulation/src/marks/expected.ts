/**
 * The faults and rare branches that a run over many seeds must have met. What is listed and never happens
 * was not tested, whatever the number of seeds: the run fails.
 */
export const EXPECTED_MARKS: readonly string[] = [
  // Faults.
  "append fails: deposed",
  "append fails: not-written",
  "append fails: torn",
  "append fails: written",
  "batch kept that nobody was told of",
  "batch lost in a crash",
  "client dies",
  "client partitioned",
  "client stands still",
  "client's clock set back",
  "client's clock set forward",
  "client's machine sleeps",
  "connection cut",
  "disk stalls",
  "duplicate delivered",
  "half-open connection noticed",
  "request lost",
  "response lost",
  "server killed",
  "server stands still",
  "server's machine sleeps",
  "torn batch dropped",
  // Rare branches.
  "answered request refused",
  "cancel comes before its acquire",
  "cancel finds a grant",
  "denied for a delay",
  "expiry beside a pending renewal",
  "grant after the client's deadline",
  "granted after a wait",
  "guard refuses an old token",
  "handle lost: DEADLINE_PASSED",
  "handle lost: FORCE_RELEASED",
  "lost hold delays its key",
  "owner busy",
  "re-entry denied",
  "recovered with a delay",
  "recovered with holds",
  "recovered with waiters",
  "release finds a loss",
  "renewal arrives after its deadline",
  "repeat answered after a recovery",
  "repeat answered from memory",
  "session expired",
  "unguarded resource loses updates",
  "wait timed out",
  "waiter cancelled",
  "watch sees events",
];

/** The expected marks that were not met. */
export function missingMarks(counts: ReadonlyMap<string, number>): string[] {
  return EXPECTED_MARKS.filter((name) => !counts.has(name));
}
