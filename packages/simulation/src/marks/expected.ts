/** Faults, and branches that every few seeds meet. */
const COMMON: readonly string[] = [
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
  // What operators do.
  "identity quarantined",
  "key freed at once",
  "key quarantine cleared",
  "key quarantined",
  "namespace configured",
  "policy changed",
  "release requested",
  "session ended: REVOKED",
  // Modes and what becomes of holds.
  "granted EXCLUSIVE",
  "granted PERMITS",
  "granted SHARED",
  "granted UPGRADABLE",
  "granted after a wait",
  "granted several keys",
  "hold entered again",
  "hold lost: FORCE_RELEASED",
  "hold lost: MAX_HOLD",
  "hold lost: SESSION_EXPIRED",
  "hold lost: SESSION_REVOKED",
  "hold released once of several times",
  "hold transferred",
  "hold upgraded",
  "hold weakened",
  "value set",
  // Rare branches.
  "acquire denied: LIMIT_MISMATCH",
  "acquire denied: OWNER_BUSY",
  "acquire denied: REENTRANCY",
  "cancel: ALREADY_GRANTED",
  "cancel: CANCELLED",
  "cancel: UNKNOWN_REQUEST",
  "convert denied: UPGRADE_REFUSED",
  "delay confirmed by a release",
  "delay confirmed by seen_revision",
  "delay elapsed",
  "expiry beside a pending renewal",
  "grant after the client's deadline",
  "guard refuses an old token",
  "handle lost: DEADLINE_PASSED",
  "lost hold delays its key",
  "lost hold has a lock-delay",
  "recovered with a delay",
  "recovered with holds",
  "recovered with waiters",
  "release: LOST",
  "release: STILL_HELD",
  "renewal arrives after its deadline",
  "repeat answered after a recovery",
  "repeat answered from memory",
  "somebody believes in a key that was freed at once",
  "transfer denied: NO_SUCH_WAITER",
  "wait ended: DEADLOCK_VICTIM",
  "wait ended: IDENTITY_QUARANTINED",
  "wait ended: KEY_QUARANTINED",
  "wait ended: WAIT_TIMED_OUT",
  "watch sees events",
];

/** Branches that only many seeds meet. */
const RARE: readonly string[] = [
  "acquire denied: LOCK_DELAY",
  "acquire denied: ORDER_VIOLATION",
  "acquire denied: QUEUE_FULL",
  "answered request refused",
  "conversion waits",
  "convert denied: WAIT_TIMED_OUT",
  "holder hears that it is asked",
  "identity quarantined by itself",
  "release: ALREADY_RELEASED",
  "unguarded resource loses updates",
  "victim among owners of one session",
  "victim in a cycle over several keys",
  "victim in a multi-key cycle",
];

/**
 * The faults and rare branches that a run of so many seeds must have met. What is listed and never happened was
 * not tested, however many seeds there were: the run fails.
 */
export function missingMarks(counts: ReadonlyMap<string, number>, seeds: number): string[] {
  const expected = [
    ...(seeds >= COMMON_FROM_SEEDS ? COMMON : []),
    ...(seeds >= RARE_FROM_SEEDS ? RARE : []),
  ];
  return expected.filter((name) => !counts.has(name));
}

const COMMON_FROM_SEEDS = 500;
const RARE_FROM_SEEDS = 2_000;
