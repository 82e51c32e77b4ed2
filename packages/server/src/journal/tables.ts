import type { IdempotencyRecord, RowHead, StoredRow } from "@lockstep/core";
import type { Change, Checkpoint, LogPosition } from "@lockstep/protocol";
import type { PageLimit } from "./journal.ts";

/** Something stored that is not what was written; what was around it can still be read. */
export interface Damage {
  readonly damaged: {
    /** The bucket it lies in, where that is known. */
    readonly bucket?: number | undefined;
    /** The key as it is stored, where there is one. */
    readonly key?: Uint8Array | undefined;
    /** The seq of the change, where there is one. */
    readonly seq?: bigint | undefined;
    /** What is wrong, for people. */
    readonly problem: string;
  };
}

/** What was stored under a name: itself, nothing, or something that is not what was written. */
export type Stored<T> = T | Damage | undefined;

/** Whether what was read is not what was written. */
export function isDamage(stored: unknown): stored is Damage {
  return typeof stored === "object" && stored !== null && "damaged" in stored;
}

/** What can be read of the tables of a dataset, each answered by the result of its kind. */
export type TableRead = { readonly datasetId: bigint } & TableQuestion;

type TableQuestion =
  /** What an append needs to know of rows; values are not read. */
  | { readonly kind: "heads"; readonly keys: readonly Uint8Array[] }
  /** Rows by key: the result ends behind the one with which it passes `maxBytes`. Default: all. */
  | { readonly kind: "rows"; readonly keys: readonly Uint8Array[]; readonly maxBytes?: number }
  /** What was appended under idempotency keys. */
  | { readonly kind: "records"; readonly idempotencyKeys: readonly string[] }
  /** Rows by key in byte order, those that start with `prefix` and lie above `afterKey`. */
  | {
      readonly kind: "page";
      readonly prefix: Uint8Array;
      readonly afterKey: Uint8Array;
      readonly limit: PageLimit;
    }
  /** Whole buckets in the order asked for: those that fit into `maxBytes`, but at least the first. */
  | { readonly kind: "buckets"; readonly buckets: readonly number[]; readonly maxBytes: number }
  /** The end of the last batch at or below a seq. */
  | { readonly kind: "position"; readonly seq: bigint }
  /** Whole batches behind a seq, those that fit into `maxBytes`, but at least one, and checkpoints. */
  | {
      readonly kind: "changes";
      readonly afterSeq: bigint;
      readonly afterCheckpoint: bigint;
      readonly maxBytes: number;
    }
  /** What is not kept any more, by number and by age. */
  | {
      readonly kind: "unwanted";
      readonly keepChanges: bigint;
      /** The floor is not above it: a snapshot that is read holds the log from there on. */
      readonly heldFromSeq: bigint;
      readonly changesBeforeMs: bigint;
      readonly recordsBeforeMs: bigint;
    };

/** Rows by key in byte order. */
export interface StoredPage {
  /** A damaged row stands in its place. */
  readonly rows: readonly (StoredRow | Damage)[];
  /** There are more above the last one. */
  readonly more: boolean;
}

/** What lies in a bucket. */
export interface StoredBucket {
  readonly bucket: number;
  /** By key in byte order. */
  readonly rows: readonly (StoredRow | Damage)[];
}

/** A part of a log: whole batches, and the checkpoints among them. */
export interface StoredChanges {
  /** By rising seq without a gap; empty when nothing follows. */
  readonly changes: readonly Change[];
  /** The seq of the last change of each batch. */
  readonly batchEnds: readonly bigint[];
  /** The log hash after each batch. */
  readonly logHashes: readonly Uint8Array[];
  /** Those above `afterCheckpoint` and up to the last change, or, without changes, up to `afterSeq`. */
  readonly checkpoints: readonly Checkpoint[];
  /** What follows the last batch cannot be read. */
  readonly damage?: Damage | undefined;
}

/** What a policy does not keep any more. */
export interface StoredUnwanted {
  /** The highest checkpoint at or below which nothing has to be kept; undefined without one. */
  readonly floor: LogPosition | undefined;
  /** Idempotency keys of changes up to this one are old enough, as far as that matters below `floor`. */
  readonly droppedSeq: bigint;
}

/** The result of a read, by its kind. */
export interface TableResults {
  heads: readonly Stored<RowHead>[];
  rows: readonly Stored<StoredRow>[];
  records: readonly Stored<IdempotencyRecord>[];
  page: StoredPage;
  buckets: { readonly buckets: readonly StoredBucket[] };
  position: Stored<LogPosition>;
  changes: StoredChanges;
  unwanted: StoredUnwanted;
}

/** The results of several reads, each in its place. */
export type ResultsOf<R extends readonly TableRead[]> = {
  readonly [I in keyof R]: TableResults[R[I]["kind"]];
};

/** Several reads, all as of one durable revision. */
export interface TablesAsOf<R extends readonly TableRead[]> {
  /** The tail that they are as of. */
  readonly revision: bigint;
  readonly results: ResultsOf<R>;
}
