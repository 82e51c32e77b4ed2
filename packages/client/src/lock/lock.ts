import type { LossReason } from "../errors.ts";
import type { LockModeName } from "./modes.ts";

/** Where a lock is in its life. LOST, RELEASED and TRANSFERRED are final. */
export type LockState = "HELD" | "AT_RISK" | "LOST" | "RELEASING" | "RELEASED" | "TRANSFERRED";

/** How a lock was lost. */
export interface Loss {
  /** Why. */
  readonly reason: LossReason;
  /** The dead fencing token. */
  readonly token: bigint;
}

/** One key of a lock, as it is held now. */
export interface HeldTarget {
  readonly key: string;
  readonly mode: LockModeName;
  /** How many permits; 0 unless the mode is PERMITS. */
  readonly permits: number;
}

/** Somebody asked for a lock to be released. Nothing has been taken yet. */
export interface ReleaseRequested {
  /** The principal who asked. */
  readonly actor: string;
  /** Why; may be empty. */
  readonly reason: string;
  /** When, unix milliseconds of the server. */
  readonly askedAtMs: number;
  /** The revision of the event. */
  readonly revision: bigint;
}

/** An acquire as a holder names it who hands its lock over. */
export interface RequestRef {
  /** The session that waits. */
  readonly sessionId: bigint;
  /** The request id of its acquire. */
  readonly requestId: bigint;
}

/** What `assertHeld` is asked about. */
export interface HeldAs {
  /** The mode that the lock must have, or a stronger one: EXCLUSIVE covers UPGRADABLE, and that covers SHARED. Default: any. */
  readonly mode?: LockModeName;
  /** The key whose mode is meant. Default: each key of the lock. */
  readonly key?: string;
}

/** How to convert a lock. */
export interface ConvertOptions {
  /** The key to convert. Default: the only one. */
  readonly key?: string;
  /** How long to wait, milliseconds; 0 does not wait. Default: as long as the server allows. */
  readonly waitMs?: number;
  /** In a cycle of waiters the request with the lowest priority is denied, -2^31 to 2^31 - 1. Default 0. */
  readonly deadlockPriority?: number;
  /**
   * Takes the request back; the call rejects with the signal's reason. A conversion that had been granted by then
   * stays: `mode` tells.
   */
  readonly signal?: AbortSignal;
  /** Stored in the events this causes, at most 128 bytes. Default empty. */
  readonly correlationId?: string;
}

/** A lock that was granted: one hold over all its keys, with one token. */
export interface Lock extends AsyncDisposable {
  /** What is locked; of several keys the first that was asked for. */
  readonly key: string;
  /** How `key` is held. */
  readonly mode: LockModeName;
  /** All that is locked, in the order in which it was asked for. */
  readonly targets: readonly HeldTarget[];
  /** Identity of the hold in its namespace. */
  readonly holdId: bigint;
  /**
   * The fencing token. Higher than that of every earlier holder; show it with every access. A conversion to EXCLUSIVE
   * brings a new one, for all keys.
   */
  readonly token: bigint;
  /** Key, mode and token as one string, `key/mode/token`, for a resource that guards itself. Of several keys the first. */
  readonly sequencer: string;
  /** Aborted when the lock is lost, with a LockLostError as reason. Not aborted by `release`. */
  readonly signal: AbortSignal;
  /**
   * HELD; AT_RISK after two thirds of the time to live without an acknowledged renewal; LOST; RELEASING once a
   * release or transfer has been sent; RELEASED; TRANSFERRED. Reading it looks at the clock.
   */
  readonly state: LockState;
  /**
   * How long until the client itself gives the lock up unless a renewal is acknowledged, milliseconds; 0 once it is
   * over. `maxHoldMs` is not in it: the server counts that from the grant, whose moment the client does not know, and
   * keeps the keys from others until this client has heard of the end or this deadline has passed.
   */
  readonly remainingMs: number;
  /** Resolves when the lock is lost; stays pending otherwise. Never rejects. */
  readonly lost: Promise<Loss>;
  /**
   * How a key is held.
   * @throws TypeError for a key that is not one of the lock's
   */
  modeOf(key: string): LockModeName;
  /**
   * The sequencer of one key of several. One of PERMITS orders accesses; it cannot fence.
   * @throws TypeError for a key that is not one of the lock's
   */
  sequencerOf(key: string): string;
  /**
   * Returns if the lock is held at this instant, by the clock and not by a timer.
   * @throws LockLostError when it is lost, LockReleasedError once a release or transfer has been sent, LockModeError
   * when it is held in a weaker mode than `as` asks for
   */
  assertHeld(as?: HeldAs): void;
  /**
   * Changes the mode of a key. EXCLUSIVE becomes UPGRADABLE or SHARED, and UPGRADABLE becomes SHARED, at once: from
   * this call on the lock counts as weaker, unless the server denies it. UPGRADABLE becomes EXCLUSIVE after the
   * SHARED holders beside it, before everybody who waits, with a new token. Conversions of one lock follow each other.
   * @throws NotGrantedError, such as UPGRADE_REFUSED or DEADLOCK_VICTIM, and the lock is as it was; LockLostError;
   * LockReleasedError; RequestError; the signal's reason
   */
  convert(mode: LockModeName, options?: ConvertOptions): Promise<void>;
  /**
   * Hands the lock over to an acquire that waits for the same keys in the same modes, past everybody else, as a new
   * hold with a new token. From this call on the lock counts as given away, unless the server denies it.
   * @throws NotGrantedError with NO_SUCH_WAITER, or with LOCK_DELAY where a new lineage grants nothing yet, and the lock
   * is as it was; LockLostError; LockReleasedError; RequestError; SessionLostError when the outcome is unknown
   */
  transfer(to: RequestRef, options?: { readonly correlationId?: string }): Promise<void>;
  /**
   * Changes what the lock publishes: see `AcquireOptions.value`. Calls follow each other; the last one wins.
   * @throws LockLostError; LockReleasedError; RequestError
   */
  setValue(
    value: string | Uint8Array,
    options?: { readonly correlationId?: string },
  ): Promise<void>;
  /**
   * Calls `listener` once for each request that the lock be released, such as `requestRelease`; at once for the
   * latest one that has come before. Whether and when to follow it is the application's choice. Returns the way to
   * stop listening.
   */
  onReleaseRequested(listener: (asked: ReleaseRequested) => void): () => void;
  /**
   * Gives the lock back; repeated until the server has answered or the session's deadline has passed, when the
   * server ends it by itself. Resolves also when the lock has been lost, released or transferred before. Of a lock
   * that was lost it tells the server that the application has stopped, which ends `onLoss: { delayMs }`. A lock that
   * its owner has entered again (`reentrancy: "count"`) is held until every handle of it was released.
   * @throws RequestError if the server refuses, which leaves the lock held
   */
  release(): Promise<void>;
}
