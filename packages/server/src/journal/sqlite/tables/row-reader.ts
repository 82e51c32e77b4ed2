import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { IdempotencyRecord, RowHead, StoredRow } from "@lockstep/core";
import type { PageLimit } from "../../journal.ts";
import type { Damage, Stored, StoredBucket, StoredPage } from "../../tables.ts";
import { headChecksum, recordChecksum, rowChecksum } from "./table-checksums.ts";

type Columns = readonly unknown[];

/** Reads rows and idempotency keys, comparing each with its checksum. */
export class RowReader {
  readonly #head: StatementSync;
  readonly #row: StatementSync;
  readonly #record: StatementSync;
  readonly #page: StatementSync;
  readonly #pageToEnd: StatementSync;
  readonly #buckets: StatementSync;

  constructor(database: DatabaseSync) {
    const columns = "key, bucket, seq, schema_version, entry_hash, bytes, head_checksum";
    const row = `SELECT ${columns}, checksum, value FROM dataset_rows WHERE dataset = ?`;
    this.#head = prepare(
      database,
      `SELECT ${columns} FROM dataset_rows WHERE dataset = ? AND key = ?`,
    );
    this.#row = prepare(database, `${row} AND key = ?`);
    this.#page = prepare(database, `${row} AND key >= ? AND key < ? ORDER BY key`);
    this.#pageToEnd = prepare(database, `${row} AND key >= ? ORDER BY key`);
    // Left alone, SQLite follows the order of keys through the whole dataset: a thousand times as long.
    const byBucket = row.replace("dataset_rows", "dataset_rows INDEXED BY dataset_rows_by_bucket");
    this.#buckets = prepare(
      database,
      `${byBucket} AND bucket BETWEEN ? AND ? ORDER BY bucket, key`,
    );
    this.#record = prepare(
      database,
      "SELECT seq, timestamp_ms, payload_hash, checksum FROM idempotency WHERE dataset = ? AND key = ?",
    );
  }

  head(dataset: bigint, key: Uint8Array): Stored<RowHead> {
    const found = this.#head.get(dataset, key) as Columns | undefined;
    return found === undefined ? undefined : headOf(dataset, found);
  }

  row(dataset: bigint, key: Uint8Array): Stored<StoredRow> {
    const found = this.#row.get(dataset, key) as Columns | undefined;
    return found === undefined ? undefined : rowOf(dataset, found);
  }

  /** The rows of keys, up to the one with which they pass `maxBytes`. */
  rows(dataset: bigint, keys: readonly Uint8Array[], maxBytes: number): Stored<StoredRow>[] {
    const rows: Stored<StoredRow>[] = [];
    let bytes = 0;
    for (const key of keys) {
      if (bytes > maxBytes) break;
      const row = this.row(dataset, key);
      rows.push(row);
      if (row !== undefined && "value" in row) bytes += row.key.length + row.value.length;
    }
    return rows;
  }

  record(dataset: bigint, key: string): Stored<IdempotencyRecord> {
    const found = this.#record.get(dataset, key) as Columns | undefined;
    return found === undefined ? undefined : recordOf(dataset, key, found);
  }

  page(
    dataset: bigint,
    { prefix, afterKey, limit }: { prefix: Uint8Array; afterKey: Uint8Array; limit: PageLimit },
  ): StoredPage {
    const rows: (StoredRow | Damage)[] = [];
    let bytes = 0;
    const [first, end] = [lowest(prefix, afterKey), above(prefix)];
    const all = end
      ? this.#page.iterate(dataset, first, end)
      : this.#pageToEnd.iterate(dataset, first);
    for (const found of all as Iterable<Columns>) {
      bytes += bytesOf(found);
      const full = rows.length >= limit.maxRecords || bytes > limit.maxBytes;
      if (full && rows.length > 0) return { rows, more: true };
      rows.push(rowOf(dataset, found));
    }
    return { rows, more: false };
  }

  /** Whole buckets, those that fit, but at least the first. */
  buckets(dataset: bigint, buckets: readonly number[], maxBytes: number): StoredBucket[] {
    const found: StoredBucket[] = [];
    let bytes = 0;
    for (const [first, last] of runsOf(buckets)) {
      let [bucket, rows]: [number, (StoredRow | Damage)[]] = [first, []];
      const endAt = (end: number) => {
        for (; bucket < end; bucket += 1) {
          found.push({ bucket, rows });
          rows = [];
        }
      };
      for (const columns of this.#buckets.iterate(dataset, first, last) as Iterable<Columns>) {
        endAt(Number(columns[1]));
        bytes += bytesOf(columns);
        if (found.length > 0 && bytes > maxBytes) return found;
        rows.push(rowOf(dataset, columns));
      }
      endAt(last + 1);
    }
    return found;
  }
}

/** A statement whose rows are lists of columns, and whose numbers are exact. */
export function prepare(database: DatabaseSync, sql: string): StatementSync {
  const statement = database.prepare(sql);
  statement.setReadBigInts(true);
  statement.setReturnArrays(true);
  return statement;
}

/** Whether a column has a number that is written as one. */
export function isNumber(column: unknown): column is bigint {
  return typeof column === "bigint" && column >= 0n;
}

/** Whether a column has bytes. */
export function isBytes(column: unknown): column is Uint8Array {
  return column instanceof Uint8Array;
}

function headOf(dataset: bigint, columns: Columns): Stored<RowHead> {
  const [key, bucket, seq, schemaVersion, entryHash, bytes, checksum] = columns;
  if (
    !isBytes(key) ||
    !isNumber(seq) ||
    !isBytes(entryHash) ||
    !isSmall(bucket) ||
    !isSmall(schemaVersion) ||
    !isSmall(bytes)
  ) {
    return damaged(columns);
  }
  const head = {
    key,
    bucket: Number(bucket),
    seq,
    schemaVersion: Number(schemaVersion),
    entryHash,
    bytes: Number(bytes),
  };
  return BigInt(headChecksum(dataset, head)) === checksum ? head : damaged(columns);
}

/** The row of all its columns, from the key on. */
export function rowOf(dataset: bigint, columns: Columns): StoredRow | Damage {
  const head = headOf(dataset, columns) as (RowHead & Omit<StoredRow, "value">) | Damage;
  if ("damaged" in head) return head;
  const [headSum, checksum, value] = columns.slice(6);
  const { key, bucket, seq, schemaVersion, entryHash } = head;
  if (!isBytes(value) || BigInt(rowChecksum(Number(headSum), value)) !== checksum) {
    return damaged(columns);
  }
  return { key, value, seq, schemaVersion, bucket, entryHash };
}

/** What is remembered of an idempotency key. */
export function recordOf(
  dataset: bigint,
  key: string,
  [seq, timestampMs, payloadHash, checksum]: Columns,
): IdempotencyRecord | Damage {
  if (
    isNumber(seq) &&
    typeof timestampMs === "bigint" &&
    isBytes(payloadHash) &&
    BigInt(recordChecksum(dataset, key, seq, timestampMs, payloadHash)) === checksum
  ) {
    return { seq, payloadHash };
  }
  return { damaged: { problem: "what is remembered of an idempotency key has other bytes" } };
}

function damaged([key, bucket]: Columns): Damage {
  return {
    damaged: {
      ...(isBytes(key) && { key }),
      ...(isSmall(bucket) && { bucket: Number(bucket) }),
      problem: "the row has other bytes than were written",
    },
  };
}

function isSmall(column: unknown): column is bigint {
  return isNumber(column) && column <= 0xffff_ffffn;
}

function bytesOf([key, , , , , , , , value]: Columns): number {
  return (isBytes(key) ? key.length : 0) + (isBytes(value) ? value.length : 0);
}

/** The first and last of numbers that follow one another, so that one search finds what most have nothing of. */
function runsOf(numbers: readonly number[]): (readonly [number, number])[] {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run?.[1] === number - 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs;
}

/** The first key that may be wanted. */
function lowest(prefix: Uint8Array, afterKey: Uint8Array): Uint8Array {
  const next = new Uint8Array(afterKey.length === 0 ? 0 : afterKey.length + 1);
  next.set(afterKey);
  return Buffer.compare(next, prefix) > 0 ? next : prefix;
}

/** What lies above every key that starts with a prefix; undefined when no key does. */
function above(prefix: Uint8Array): Uint8Array | undefined {
  let end = prefix.length;
  while (end > 0 && prefix[end - 1] === 0xff) end -= 1;
  if (end === 0) return undefined;
  const bound = prefix.slice(0, end);
  bound[end - 1] = (prefix[end - 1] as number) + 1;
  return bound;
}
