import type { DatabaseSync } from "node:sqlite";
import { changesOf, checkpointOf } from "./log-reader.ts";
import { isNumber, prepare, recordOf, rowOf } from "./row-reader.ts";

type Columns = readonly unknown[];

/** A table, its columns behind the dataset, and what is wrong with a row of it. */
const CHECKS: readonly (readonly [string, string, (dataset: bigint, row: Columns) => boolean])[] = [
  [
    "dataset_rows",
    "key, bucket, seq, schema_version, entry_hash, bytes, head_checksum, checksum, value",
    (dataset, row) => "damaged" in rowOf(dataset, row),
  ],
  [
    "changes",
    "last_seq, first_seq, log_hash, checksum, bytes",
    (dataset, row) => "damaged" in changesOf(dataset, row),
  ],
  [
    "checkpoints",
    "seq, log_hash, count, root, decided_at_ms, checksum",
    (dataset, row) => checkpointOf(dataset, row) === undefined,
  ],
  [
    "idempotency",
    "seq, timestamp_ms, payload_hash, checksum, key",
    (dataset, row) => typeof row[4] !== "string" || "damaged" in recordOf(dataset, row[4], row),
  ],
];

/** Compares every row of every dataset with its checksum. Returns what is wrong, undefined for nothing. */
export function damageInTables(database: DatabaseSync): string | undefined {
  let damaged = 0;
  let first: string | undefined;
  for (const [table, columns, isDamaged] of CHECKS) {
    const rows = prepare(database, `SELECT dataset, ${columns} FROM ${table}`);
    for (const found of rows.iterate() as unknown as Iterable<Columns>) {
      const [dataset, ...row] = found;
      if (isNumber(dataset) && !isDamaged(dataset, row)) continue;
      damaged += 1;
      first ??= `${table} of dataset ${String(dataset)} at ${placeOf(row[0])}`;
    }
  }
  if (first === undefined) return undefined;
  return `${damaged} rows of datasets have other bytes than were written, the first of them in ${first}`;
}

function placeOf(key: unknown): string {
  return key instanceof Uint8Array ? Buffer.from(key).toString("hex") : String(key);
}
