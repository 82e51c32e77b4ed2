/**
 * The tables of datasets. Rows are found by key and by bucket; what an append needs of them stands before the
 * value and has a checksum of its own, so that the value is not read. The changes of an append are one row. What is
 * long comes last in its row.
 */
export const DATASET_TABLES: readonly string[] = [
  "CREATE TABLE dataset_rows (dataset INTEGER NOT NULL, key BLOB NOT NULL, bucket INTEGER NOT NULL, seq INTEGER NOT NULL, schema_version INTEGER NOT NULL, entry_hash BLOB NOT NULL, bytes INTEGER NOT NULL, head_checksum INTEGER NOT NULL, checksum INTEGER NOT NULL, value BLOB NOT NULL, PRIMARY KEY (dataset, key)) STRICT, WITHOUT ROWID",
  "CREATE INDEX dataset_rows_by_bucket ON dataset_rows (dataset, bucket)",
  "CREATE TABLE changes (dataset INTEGER NOT NULL, last_seq INTEGER NOT NULL, first_seq INTEGER NOT NULL, log_hash BLOB NOT NULL, checksum INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY (dataset, last_seq)) STRICT, WITHOUT ROWID",
  "CREATE TABLE idempotency (dataset INTEGER NOT NULL, key TEXT NOT NULL, seq INTEGER NOT NULL, timestamp_ms INTEGER NOT NULL, payload_hash BLOB NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (dataset, key)) STRICT, WITHOUT ROWID",
  "CREATE INDEX idempotency_by_seq ON idempotency (dataset, seq)",
  "CREATE TABLE checkpoints (dataset INTEGER NOT NULL, seq INTEGER NOT NULL, log_hash BLOB NOT NULL, count INTEGER NOT NULL, root BLOB NOT NULL, decided_at_ms INTEGER NOT NULL, checksum INTEGER NOT NULL, PRIMARY KEY (dataset, seq)) STRICT, WITHOUT ROWID",
];

/** The tables that `DATASET_TABLES` makes, without indexes. */
export const DATASET_TABLE_NAMES = [
  "dataset_rows",
  "changes",
  "idempotency",
  "checkpoints",
] as const;
