import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Bucket, StoredRow } from "../../rows.ts";
import type { TableTx } from "../store.ts";

const COLUMNS = "key, bucket, seq, schema_version, entry_hash, value";

/** Rows and buckets of one slot, through one connection. */
export class RowTable implements TableTx {
  readonly #row: StatementSync;
  readonly #put: StatementSync;
  readonly #delete: StatementSync;
  readonly #setBucket: StatementSync;
  readonly #deleteBucket: StatementSync;
  readonly #buckets: StatementSync;
  readonly #database: DatabaseSync;
  readonly #slot: number;

  constructor(database: DatabaseSync, slot: number) {
    this.#database = database;
    this.#slot = slot;
    const prepare = (sql: string) => bigints(database.prepare(sql));
    this.#row = prepare(`SELECT ${COLUMNS} FROM lockstep_rows_${slot} WHERE key = ?`);
    this.#put = prepare(`INSERT OR REPLACE INTO lockstep_rows_${slot} (${COLUMNS})
      VALUES (?, ?, ?, ?, ?, ?)`);
    this.#delete = prepare(`DELETE FROM lockstep_rows_${slot} WHERE key = ?`);
    this.#setBucket = prepare(`INSERT OR REPLACE INTO lockstep_buckets_${slot} (bucket, count, sum)
      VALUES (?, ?, ?)`);
    this.#deleteBucket = prepare(`DELETE FROM lockstep_buckets_${slot} WHERE bucket = ?`);
    this.#buckets = prepare(`SELECT bucket, count, sum FROM lockstep_buckets_${slot}`);
  }

  row(key: Uint8Array): StoredRow | undefined {
    const columns = this.#row.get(key);
    return columns && rowOf(columns);
  }

  put({ key, bucket, seq, schemaVersion, entryHash, value }: StoredRow): void {
    this.#put.run(key, bucket, seq, schemaVersion, entryHash, value);
  }

  delete(key: Uint8Array): void {
    this.#delete.run(key);
  }

  setBuckets(buckets: readonly Bucket[]): void {
    for (const { bucket, count, sum } of buckets) {
      if (count === 0) this.#deleteBucket.run(bucket);
      else this.#setBucket.run(bucket, count, sum);
    }
  }

  buckets(): Bucket[] {
    return this.#buckets.all().map(({ bucket, count, sum }) => ({
      bucket: Number(bucket),
      count: Number(count),
      sum: sum as Uint8Array,
    }));
  }

  /** Forgets all rows and buckets. */
  clear(): void {
    this.#database.exec(
      `DELETE FROM lockstep_rows_${this.#slot}; DELETE FROM lockstep_buckets_${this.#slot};`,
    );
  }
}

/** The statements that read the rows of one slot for others than transactions. */
export class RowReader {
  readonly #row: StatementSync;
  readonly #scan: StatementSync;
  readonly #ofBuckets: StatementSync;

  constructor(database: DatabaseSync, slot: number) {
    const prepare = (sql: string) => bigints(database.prepare(sql));
    const from = `SELECT ${COLUMNS} FROM lockstep_rows_${slot}`;
    this.#row = prepare(`${from} WHERE key = ?`);
    this.#scan = prepare(`${from} WHERE key > ? AND key >= ? AND (key < ? OR ?)
      ORDER BY key LIMIT ?`);
    this.#ofBuckets = prepare(`${from} WHERE bucket >= ? AND bucket < ?`);
  }

  row(key: Uint8Array): StoredRow | undefined {
    const columns = this.#row.get(key);
    return columns && rowOf(columns);
  }

  scan(prefix: Uint8Array, afterKey: Uint8Array, limit: number): StoredRow[] {
    const end = endOfPrefix(prefix);
    return this.#scan.all(afterKey, prefix, end ?? NO_BYTES, end ? 0 : 1, limit).map(rowOf);
  }

  ofBuckets(first: number, end: number): StoredRow[] {
    return this.#ofBuckets.all(first, end).map(rowOf);
  }
}

const NO_BYTES = new Uint8Array();

/** The first bytes above all that start with the prefix; undefined when there are none. */
function endOfPrefix(prefix: Uint8Array): Uint8Array | undefined {
  const last = prefix.findLastIndex((byte) => byte < 0xff);
  if (last < 0) return undefined;
  const end = prefix.slice(0, last + 1);
  end[last] = (end[last] as number) + 1;
  return end;
}

/** All whole numbers as bigint: a seq may be larger than a number holds. */
export function bigints(statement: StatementSync): StatementSync {
  statement.setReadBigInts(true);
  return statement;
}

function rowOf(columns: Record<string, SQLOutputValue>): StoredRow {
  return {
    key: columns.key as Uint8Array,
    value: columns.value as Uint8Array,
    seq: columns.seq as bigint,
    schemaVersion: Number(columns.schema_version),
    bucket: Number(columns.bucket),
    entryHash: columns.entry_hash as Uint8Array,
  };
}
