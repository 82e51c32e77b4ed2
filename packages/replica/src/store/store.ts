import type { Sha256 } from "@lockstep/protocol";
import type { AppliedChange } from "../apply/applied-change.ts";
import type { Bucket, DatasetIdentity, Position, Row, StoredRow } from "../rows.ts";

/** How far the rows are that readers see. */
export interface Progress extends DatasetIdentity {
  /** Every change up to here is in the rows. */
  readonly cursor: Position;
  /** A checkpoint has shown that the rows are right up to here. */
  readonly verifiedSeq: bigint;
  /** The policy in force at the cursor, encoded. */
  readonly policy: Uint8Array;
  /** Why the rows must not be used; empty when they may. */
  readonly quarantine: string;
}

/** How far a snapshot is that is being taken over. */
export interface StagedProgress extends DatasetIdentity {
  readonly snapshotId: bigint;
  /** Where its tail begins. */
  readonly low: Position;
  /** The last key taken over; empty before the first. */
  readonly afterKey: Uint8Array;
  /** Changes up to here have been applied to its rows; low until all rows are there. */
  readonly cursor: Position;
  /** Where and what it must be to be published; undefined until all rows are there. */
  readonly high: StagedHigh | undefined;
  readonly policy: Uint8Array;
}

/** The end of a snapshot. */
export interface StagedHigh extends Position {
  readonly count: bigint;
  readonly root: Uint8Array;
}

/** What a store has when it is opened. */
export interface Loaded {
  /** Undefined before the first snapshot was published. */
  readonly published:
    | { readonly progress: Progress; readonly buckets: readonly Bucket[] }
    | undefined;
  /** Undefined unless a snapshot is being taken over. */
  readonly staged:
    | { readonly progress: StagedProgress; readonly buckets: readonly Bucket[] }
    | undefined;
  /** All parked changes, by rising id. */
  readonly letters: readonly DeadLetter[];
}

/** A change that the user's `apply` was not given, or failed on. The rows have it. */
export interface NewDeadLetter extends AppliedChange {
  /** Why, for people; of those parked only because of an earlier one it says that. */
  readonly problem: string;
}

/** A parked change. */
export interface DeadLetter extends NewDeadLetter {
  /** Its number in this store, rising in the order of the changes. */
  readonly id: number;
}

/** A row that a snapshot changes when it is published: no `before` when it brings it, no `after` when it takes it away. */
export interface Difference {
  readonly key: Uint8Array;
  readonly before: StoredRow | undefined;
  readonly after: StoredRow | undefined;
}

/** A table of rows within a transaction, with the digest's buckets beside it. */
export interface TableTx {
  row(key: Uint8Array): StoredRow | undefined;
  put(row: StoredRow): void;
  /** Harmless when there is none. */
  delete(key: Uint8Array): void;
  /** Writes those buckets; all others stay. */
  setBuckets(buckets: readonly Bucket[]): void;
}

/** What may be done in a transaction. */
export interface StoreTx<Tx> {
  /** The user's own handle: what is written through it is in this transaction. */
  readonly user: Tx;
  /** What readers see. */
  readonly published: TableTx;
  /** The snapshot that is being taken over. */
  readonly staged: TableTx;
  setProgress(progress: Progress): void;
  setStaged(progress: StagedProgress): void;
  /** Forgets the staged snapshot, rows included. */
  discardStaged(): void;
  /** What publishing would change, by key in byte order. */
  differences(): Iterable<Difference>;
  /** Puts the staged rows and buckets in the place of the published ones. The progress is set beside. */
  publish(): void;
  /** @throws StoreError when the user's code has ended the transaction through its handle */
  requireOpen(): void;
  park(letter: NewDeadLetter): void;
  unpark(id: number): void;
}

/** A row, and how far the rows were when it was read. */
export interface ReadRow {
  readonly appliedSeq: bigint;
  readonly row: Row | undefined;
}

/** Rows, and how far the rows were when they were read. */
export interface ReadRows {
  readonly appliedSeq: bigint;
  readonly rows: readonly Row[];
  /** More rows follow the last one. */
  readonly more: boolean;
}

/**
 * Where a replica keeps its rows. One store serves one replica at a time. Every method but `transaction` sees only
 * what transactions have committed, and a batch whole or not at all.
 */
export interface Store<Tx = unknown> {
  /** How hashes are computed fastest where this store runs. */
  readonly sha256?: Sha256;
  load(): Promise<Loaded>;
  /**
   * All or nothing, and durable when it resolves; one at a time, in the order of the calls. What `work` throws, it
   * throws, and nothing has been changed.
   */
  transaction<T>(work: (tx: StoreTx<Tx>) => T | Promise<T>): Promise<T>;
  /** A published row. */
  get(key: Uint8Array): Promise<ReadRow>;
  /** Published rows whose keys start with `prefix` and are above `afterKey`, by key in byte order. */
  scan(prefix: Uint8Array, afterKey: Uint8Array, limit: number): Promise<ReadRows>;
  /** Published rows of the buckets from `first` up to and without `end`, in any order. */
  rowsOfBuckets(first: number, end: number): Promise<StoredRow[]>;
  /** All parked changes, by rising id. */
  letters(): Promise<DeadLetter[]>;
  /** Nothing else may be called any more. */
  close(): Promise<void>;
}
