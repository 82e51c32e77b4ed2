import type { Change, Checkpoint, LogPosition, Row } from "@lockstep/protocol";

/** A live row as the journal's tables have it. */
export interface StoredRow extends Omit<Row, "$typeName" | "$unknown"> {
  readonly bucket: number;
  readonly entryHash: Uint8Array;
}

/** What an append needs to know of a row; its value is not read. */
export interface RowHead {
  readonly seq: bigint;
  readonly entryHash: Uint8Array;
  /** What key and value take. */
  readonly bytes: number;
}

/** That a change was appended under an idempotency key. */
export interface IdempotencyRecord {
  readonly seq: bigint;
  /** SHA-256 of what makes a repeat the same, 32 bytes. */
  readonly payloadHash: Uint8Array;
}

/** Rows of a dataset by key in byte order. */
export interface RowPage {
  readonly rows: readonly StoredRow[];
  /** There may be more above the last key. */
  readonly more: boolean;
  /** The last key that was looked at, when that is above the last row: those between have been deleted since. */
  readonly lookedUpTo?: Uint8Array | undefined;
}

/** Something stored that is not what was written, in the place of what it should be. */
export interface StoredDamage {
  readonly damaged: {
    /** The key as it is stored, if it is known. */
    readonly key?: Uint8Array | undefined;
    /** What is wrong, for people. */
    readonly problem: string;
  };
}

/**
 * What an operation that names rows knows of them when it is decided: what was durable at some revision, and
 * over it everything decided since. Only what the operation names can be asked for.
 *
 * @throws Refusal DATASET_DAMAGED from each but `bucket`, when something stored is not what was written.
 */
export interface RowFacts {
  /** The dataset they are of; another one, or none, when the name meant something else when they were read. */
  readonly datasetId: bigint | undefined;
  head(key: Uint8Array): RowHead | undefined;
  record(idempotencyKey: string): IdempotencyRecord | undefined;
  row(key: Uint8Array): StoredRow | undefined;
  page(): RowPage;
  /**
   * All rows of a bucket, by key in byte order, with what is damaged in its place; undefined when it was not
   * read, because those before it were too large. The first that was named is always read.
   */
  bucket(bucket: number): readonly (StoredRow | StoredDamage)[] | undefined;
  /** The end of the last batch at or below a seq; undefined when the log does not reach back to one. */
  position(seq: bigint): LogPosition | undefined;
}

/**
 * One thing that an event writes into the journal's tables, in the transaction that makes it durable. Writes
 * of one event are in order: a later one wins.
 */
export type RowWrite = { readonly datasetId: bigint } & (
  | { readonly kind: "put"; readonly row: StoredRow }
  | { readonly kind: "delete"; readonly key: Uint8Array }
  | {
      readonly kind: "change";
      readonly change: Change;
      /** The log hash after it when it ends a batch; otherwise undefined. */
      readonly logHash: Uint8Array | undefined;
    }
  | {
      readonly kind: "record";
      readonly idempotencyKey: string;
      readonly record: IdempotencyRecord;
      readonly timestampMs: bigint;
    }
  | {
      readonly kind: "checkpoint";
      readonly checkpoint: Checkpoint;
      /** When it was decided, unix milliseconds. */
      readonly decidedAtMs: bigint;
    }
);
