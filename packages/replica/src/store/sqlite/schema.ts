import type { DatabaseSync } from "node:sqlite";
import { StoreError } from "../../errors.ts";

/** The format these tables have. A store refuses a newer one. */
const FORMAT = 1;

/**
 * Makes the tables of a replica, or sees that they are those of this format. Rows and buckets exist twice: what readers
 * see and what a snapshot is staged in change places by one number in `lockstep_store`. Everything here starts with
 * `lockstep_`; all other names are the user's.
 * @returns the how-manieth opening of the file this is
 * @throws StoreError when the tables are of a newer version
 */
export function prepareTables(database: DatabaseSync, path: string): number {
  database.exec(`
    CREATE TABLE IF NOT EXISTS lockstep_store (
      id INTEGER PRIMARY KEY CHECK (id = 1),
      format INTEGER NOT NULL,
      published_slot INTEGER NOT NULL,
      times_opened INTEGER NOT NULL
    ) STRICT;
    INSERT OR IGNORE INTO lockstep_store (id, format, published_slot, times_opened)
      VALUES (1, ${FORMAT}, 0, 0);
  `);
  const { format } = database.prepare("SELECT format FROM lockstep_store").get() ?? {};
  if (format !== FORMAT)
    throw new StoreError(
      `${path} holds a replica of format ${format}, and this version knows ${FORMAT}: use the version that wrote it, or another file`,
    );
  database.exec(rowTables(0) + rowTables(1));
  database.exec(`
    CREATE TABLE IF NOT EXISTS lockstep_progress (
      table_name TEXT PRIMARY KEY,
      dataset_id INTEGER NOT NULL,
      salt BLOB NOT NULL,
      created_epoch INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      log_hash BLOB NOT NULL,
      policy BLOB NOT NULL,
      verified_seq INTEGER NOT NULL,
      quarantine TEXT NOT NULL,
      snapshot_id INTEGER NOT NULL,
      low_seq INTEGER NOT NULL,
      low_log_hash BLOB NOT NULL,
      after_key BLOB NOT NULL,
      high_seq INTEGER,
      high_log_hash BLOB,
      high_count INTEGER,
      high_root BLOB
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS lockstep_letters (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      cause TEXT NOT NULL,
      op TEXT NOT NULL,
      key BLOB NOT NULL,
      value BLOB NOT NULL,
      seq INTEGER NOT NULL,
      schema_version INTEGER NOT NULL,
      problem TEXT NOT NULL
    ) STRICT;
  `);
  const opened = database
    .prepare("UPDATE lockstep_store SET times_opened = times_opened + 1 RETURNING times_opened")
    .get();
  return Number(opened?.times_opened);
}

function rowTables(slot: number): string {
  return `
    CREATE TABLE IF NOT EXISTS lockstep_rows_${slot} (
      key BLOB PRIMARY KEY,
      bucket INTEGER NOT NULL,
      seq INTEGER NOT NULL,
      schema_version INTEGER NOT NULL,
      entry_hash BLOB NOT NULL,
      value BLOB NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS lockstep_rows_${slot}_bucket ON lockstep_rows_${slot} (bucket);
    CREATE TABLE IF NOT EXISTS lockstep_buckets_${slot} (
      bucket INTEGER PRIMARY KEY,
      count INTEGER NOT NULL,
      sum BLOB NOT NULL
    ) STRICT;
  `;
}
