import { LockMode, type LockTarget } from "@lockstep/protocol";

/** How often each mode stands at a key: among those who block it, or among those who wait for it. */
export interface Tally {
  exclusive: number;
  shared: number;
  upgradable: number;
  /** Permits, not those who have them. */
  permits: number;
}

/** Nobody. */
export const NOBODY: Readonly<Tally> = Object.freeze(newTally());

/** A single holder, of the usual kind. */
const ONE_EXCLUSIVE: Readonly<Tally> = Object.freeze({ ...newTally(), exclusive: 1 });

/** Counts nobody yet. */
export function newTally(): Tally {
  return { exclusive: 0, shared: 0, upgradable: 0, permits: 0 };
}

/** Counts one more (`by` 1), or one less (`by` -1). */
export function count(tally: Tally, { mode, permits }: LockTarget, by: 1 | -1): void {
  switch (mode) {
    case LockMode.EXCLUSIVE:
      tally.exclusive += by;
      break;
    case LockMode.SHARED:
      tally.shared += by;
      break;
    case LockMode.UPGRADABLE:
      tally.upgradable += by;
      break;
    case LockMode.PERMITS:
      tally.permits += by * permits;
      break;
    case LockMode.UNSPECIFIED:
      break;
  }
}

/**
 * A tally with one more (`by` 1), or one less (`by` -1): changed in place, unless it is one that many keys
 * share. Most keys that are held have such a one.
 */
export function counted(tally: Readonly<Tally>, target: LockTarget, by: 1 | -1): Readonly<Tally> {
  if (target.mode === LockMode.EXCLUSIVE) {
    if (tally === NOBODY && by === 1) return ONE_EXCLUSIVE;
    if (tally === ONE_EXCLUSIVE && by === -1) return NOBODY;
  }
  const own = tally === NOBODY || tally === ONE_EXCLUSIVE ? { ...tally } : tally;
  count(own, target, by);
  return own;
}

/**
 * Whether a target conflicts with nobody of two tallies: those who block its key and those who wait
 * before it. `limit` is how many permits the key offers.
 */
export function admits(
  taken: Readonly<Tally>,
  before: Readonly<Tally>,
  { mode, permits }: LockTarget,
  limit: number,
): boolean {
  if (taken.exclusive + before.exclusive > 0) return false;
  const taking = taken.permits + before.permits;
  if (mode === LockMode.PERMITS)
    return (
      taken.shared + taken.upgradable + before.shared + before.upgradable === 0 &&
      taking + permits <= limit
    );
  if (taking > 0) return false;
  if (mode === LockMode.SHARED) return true;
  const upgradable = taken.upgradable + before.upgradable;
  if (mode === LockMode.UPGRADABLE) return upgradable === 0;
  return taken.shared + before.shared + upgradable === 0;
}

/**
 * Whether anybody of `rest` might still be admitted beside `before`; when not, a walk along a queue
 * can stop.
 */
export function admitsAny(
  taken: Readonly<Tally>,
  before: Readonly<Tally>,
  rest: Readonly<Tally>,
  limit: number,
): boolean {
  if (taken.exclusive + before.exclusive > 0) return false;
  const permits = taken.permits + before.permits;
  const upgradable = taken.upgradable + before.upgradable;
  const shared = taken.shared + before.shared;
  if (permits + upgradable + shared === 0) return true;
  if (permits > 0) return upgradable + shared === 0 && rest.permits > 0 && permits < limit;
  return rest.shared > 0 || (upgradable === 0 && rest.upgradable > 0);
}

/**
 * Whether two targets of one key cannot be held together. Permits conflict only by their sum: `full`
 * says that it is too much.
 */
export function conflicts(a: LockTarget, b: LockTarget, full: boolean): boolean {
  if (a.mode === LockMode.PERMITS && b.mode === LockMode.PERMITS) return full;
  if (a.mode === LockMode.PERMITS || b.mode === LockMode.PERMITS) return true;
  if (a.mode === LockMode.EXCLUSIVE || b.mode === LockMode.EXCLUSIVE) return true;
  return a.mode === LockMode.UPGRADABLE && b.mode === LockMode.UPGRADABLE;
}
