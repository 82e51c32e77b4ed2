import type { DatabaseSync, StatementSync } from "node:sqlite";
import { asBytes, asInteger, BatchDamage } from "./columns.ts";
import { assembleBatch, type BatchHeader, type EncodedRecord } from "./encoding.ts";
import { formatOf } from "./schema.ts";
import { SnapshotTable } from "./snapshot-table.ts";

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

/** Reads the batches of a database that may be another process's. */
export class SourceBatches {
  readonly #table: SnapshotTable | undefined;
  readonly #tail: StatementSync;
  readonly #batches: StatementSync;
  readonly #records: StatementSync;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#table = formatOf(database) === 1 ? undefined : new SnapshotTable(database);
    this.#tail = prepare("SELECT max(last_revision) AS tail FROM batches");
    this.#batches = prepare(
      "SELECT first_revision, last_revision, epoch, floor, chain FROM batches WHERE last_revision > ? ORDER BY last_revision LIMIT ?",
    );
    this.#records = prepare(
      "SELECT revision, keys, bytes FROM events WHERE revision >= ? AND revision <= ? ORDER BY revision",
    );
  }

  /** The last revision, 0 for none. */
  tail(): bigint {
    const tail = this.#tail.get()?.tail;
    return typeof tail === "bigint" ? tail : 0n;
  }

  /** The last revision that was dropped. @throws BatchDamage */
  base(): bigint {
    return this.#table?.base()?.revision ?? 0n;
  }

  /** The next batches, as many as go into one page. @throws BatchDamage */
  *after(revision: bigint): Generator<SourceBatch> {
    let size = 0;
    for (const row of this.#batches.all(revision, sourceLimits.maxBatches)) {
      const batch = this.#batchOf(row);
      size += batch.bytes.length;
      yield batch;
      if (size >= sourceLimits.maxBytes) return;
    }
  }

  #batchOf(row: Record<string, unknown>): SourceBatch {
    const first = asInteger(row.first_revision);
    const last = asInteger(row.last_revision);
    const records = this.#records.all(first, last).map(recordOf);
    if (BigInt(records.length) !== last - first + 1n) {
      throw new BatchDamage(`the batch with revisions ${first} to ${last} is not complete`);
    }
    const epoch = asInteger(row.epoch);
    const header = { first, last, epoch, floor: asInteger(row.floor), count: records.length };
    return { header, bytes: assembleBatch(header, records), chain: asBytes(row.chain) };
  }
}

function recordOf(row: Record<string, unknown>): EncodedRecord {
  return {
    revision: asInteger(row.revision),
    keys: asBytes(row.keys),
    bytes: asBytes(row.bytes),
  };
}
