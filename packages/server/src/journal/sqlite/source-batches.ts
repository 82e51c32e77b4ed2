import type { DatabaseSync, StatementSync } from "node:sqlite";
import { asBytes, asInteger, BatchDamage } from "./columns.ts";
import { BATCH_HEADER_LENGTH, type BatchHeader, decodeHeader } from "./encoding.ts";

/** A batch as it lies in a database. */
export interface SourceBatch {
  readonly header: BatchHeader;
  /** Its bytes, as the chain covers them. */
  readonly bytes: Uint8Array;
  /** Its chain hash, unproven. */
  readonly chain: Uint8Array;
}

/** How much is read in one go. */
export const sourceLimits = {
  maxBatches: 256,
  /** A single batch may exceed it. */
  maxBytes: 4 * 1024 * 1024,
} as const;

// SQLite's integers end here.
const END_OF_INTEGERS = 2n ** 63n - 1n;

/** Reads the batches of a database that may be another process's. */
export class SourceBatches {
  readonly #tail: StatementSync;
  readonly #batches: StatementSync;
  readonly #holding: StatementSync;

  constructor(database: DatabaseSync) {
    this.#tail = database.prepare("SELECT max(last_revision) AS tail FROM batches");
    this.#tail.setReadBigInts(true);
    const columns = "last_revision, first_revision, epoch, floor, chain, body";
    this.#batches = database.prepare(
      `SELECT ${columns} FROM batches WHERE last_revision > ? AND last_revision <= ? ORDER BY last_revision`,
    );
    this.#batches.setReadBigInts(true);
    this.#holding = database.prepare(
      `SELECT ${columns} FROM batches WHERE last_revision >= ? ORDER BY last_revision LIMIT 1`,
    );
    this.#holding.setReadBigInts(true);
  }

  /** The last revision, 0 for none. */
  tail(): bigint {
    const tail = this.#tail.get()?.tail;
    return typeof tail === "bigint" ? tail : 0n;
  }

  /** The batches after a revision, one by one. @throws BatchDamage */
  *between(after: bigint, last: bigint): Generator<SourceBatch> {
    for (const row of this.#batches.iterate(after, last)) yield batchOf(row);
  }

  /**
   * The next batches, as many as go into one page.
   * @param last those that end above it are left out
   * @throws BatchDamage
   */
  *after(revision: bigint, last = END_OF_INTEGERS): Generator<SourceBatch> {
    let count = 0;
    let size = 0;
    for (const batch of this.between(revision, last)) {
      yield batch;
      count += 1;
      size += batch.bytes.length;
      if (count >= sourceLimits.maxBatches || size >= sourceLimits.maxBytes) return;
    }
  }

  /** The batch with a revision that is known to be in one. @throws BatchDamage when it is not */
  holding(revision: bigint): SourceBatch {
    const row = this.#holding.get(revision);
    const batch = row && batchOf(row);
    if (batch !== undefined && batch.header.first <= revision) return batch;
    throw new BatchDamage(`revision ${revision} is in the index, but in no batch`);
  }

  /** Every batch that is kept. @throws BatchDamage */
  all(): Generator<SourceBatch> {
    return this.between(-1n, END_OF_INTEGERS);
  }
}

/** The columns say again what the bytes say, to be found by. */
function batchOf(row: Record<string, unknown>): SourceBatch {
  const first = asInteger(row.first_revision);
  const last = asInteger(row.last_revision);
  const bytes = asBytes(row.body);
  const header = bytes.length < BATCH_HEADER_LENGTH ? undefined : decodeHeader(bytes);
  if (
    header?.first !== first ||
    header.last !== last ||
    header.epoch !== asInteger(row.epoch) ||
    header.floor !== asInteger(row.floor)
  ) {
    throw notAsWritten(first, last);
  }
  return { header, bytes, chain: asBytes(row.chain) };
}

/** What is said of a batch that is not what was written. */
export function notAsWritten(first: bigint, last: bigint): BatchDamage {
  return new BatchDamage(`the batch with revisions ${first} to ${last} is not what was written`);
}
