import type { DriftFound } from "./drift/found.ts";
import type { ReplicaEvent } from "./events.ts";
import type { ReplicateOptions } from "./options.ts";
import type { ReadOptions, ReadPosition, ScanOptions } from "./read/reads.ts";
import { RunningReplica } from "./replica.ts";
import type { Position, Row } from "./rows.ts";
import type { ReplicaStatus } from "./status.ts";
import type { DeadLetter } from "./store/store.ts";

/** What `check` takes. */
export interface CheckOptions {
  /** Write the server's rows over those that differ. Default: as `onDrift` says. */
  readonly repair?: boolean;
  /** Ends the wait: the check rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a check has found. */
export interface CheckResult {
  /** Where all rows were compared. */
  readonly asOf: Position;
  /** What differs still; undefined when every row is the server's. What was repaired is told by an event. */
  readonly drift: DriftFound | undefined;
  /** How many rows were read. */
  readonly rows: number;
  /** How many buckets had other rows than were written to them. */
  readonly damaged: number;
}

/** What `replicate` returns: a copy of a dataset that follows it. */
export interface Replica extends AsyncDisposable {
  /**
   * Settles when the replica has been closed; rejects when it has stopped by itself: PoisonChangeError,
   * UnknownChangeError, ReplicaSupersededError, or the RequestError of a server that refuses it. Need not be handled.
   */
  readonly done: Promise<void>;
  /**
   * Resolves once there are rows to read, however long the server cannot be reached: `status().disconnectedBy` tells why.
   * @throws what has stopped the replica; the signal's reason; NotReadableError after `waitMs` milliseconds, which names
   *   what was in the way
   */
  ready(options?: { readonly waitMs?: number; readonly signal?: AbortSignal }): Promise<void>;
  /**
   * Reads a row, as fresh as was asked for, and says how fresh that is.
   * @throws StaleReadError, NotReadableError, what has stopped the replica, the signal's reason
   */
  get(
    key: Uint8Array,
    options?: ReadOptions,
  ): Promise<{ readonly row: Row | undefined; readonly position: ReadPosition }>;
  /** Reads a page of rows by key; each page is as of its own position. Throws what `get` throws, and RangeError. */
  scan(options?: ScanOptions): Promise<{
    readonly rows: readonly Row[];
    readonly more: boolean;
    readonly position: ReadPosition;
  }>;
  /** How it is doing now. */
  status(): ReplicaStatus;
  /** What happens from now on; ends when the replica does. A listener that does not keep up is told what it missed. */
  events(signal?: AbortSignal): AsyncGenerator<ReplicaEvent, void, undefined>;
  /**
   * Looks at all stored rows and compares them with the server's; nothing that is still under way counts. Waits until
   * the replica follows.
   * @throws what has stopped the replica; the signal's reason
   */
  check(options?: CheckOptions): Promise<CheckResult>;
  /** Changes that are parked, in their order. */
  deadLetters(): Promise<readonly DeadLetter[]>;
  /**
   * Gives parked changes to `apply` again, in their order: of one key, or all. Each that succeeds is parked no more.
   * @returns how many there were
   * @throws what `apply` throws, and what has stopped the replica; the change and those after it stay parked
   */
  replay(key?: Uint8Array): Promise<number>;
  /** Stops following and closes the store. Never rejects; harmless when called again. */
  close(): Promise<void>;
}

/**
 * Follows a dataset and keeps a copy of it that is provably the same: it takes a snapshot or goes on from where its store
 * is, applies every change, acknowledges, compares at every checkpoint, and begins again whenever it is cut off.
 * @throws TypeError and RangeError for options that cannot be
 */
export function replicate<Tx = unknown>(options: ReplicateOptions<Tx>): Replica {
  return new RunningReplica(options);
}
