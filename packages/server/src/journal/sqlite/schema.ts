import { closeSync, openSync, readSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import { errorCode } from "../../data-folder/private-files.ts";
import { DATASET_TABLES } from "./tables/table-schema.ts";

/**
 * The format of the database this code knows; it is the `user_version` of the file. Formats 1 and 2, which
 * had a row for each event, and 3, which had one for each change, were never released.
 */
export const DATABASE_FORMAT = 4;

// "LKST": says in the header of the file whose database it is.
const APPLICATION_ID = 0x4c4b5354;
const MAGIC = "SQLite format 3\0";

/**
 * `batches` holds the history and its chain; `segments` finds events by key and can be derived from it. `base`
 * has one row once batches were dropped: where the chain goes on. `snapshot` has one row once there is
 * a complete snapshot: which of `snapshot_chunks` belong to it. What is long comes last in its row,
 * so that what stands before it is read without it. What datasets have stands in tables of its own.
 */
const TABLES: readonly string[] = [
  "CREATE TABLE batches (last_revision INTEGER PRIMARY KEY, first_revision INTEGER NOT NULL, epoch INTEGER NOT NULL, floor INTEGER NOT NULL, chain BLOB NOT NULL, body BLOB NOT NULL) STRICT",
  "CREATE TABLE segments (last_revision INTEGER PRIMARY KEY, first_revision INTEGER NOT NULL, checksum BLOB NOT NULL, body BLOB NOT NULL) STRICT",
  "CREATE TABLE base (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, epoch INTEGER NOT NULL, floor INTEGER NOT NULL, chain BLOB NOT NULL, checksum BLOB NOT NULL) STRICT",
  "CREATE TABLE snapshot (id INTEGER PRIMARY KEY, revision INTEGER NOT NULL, epoch INTEGER NOT NULL, first_chunk INTEGER NOT NULL, chunks INTEGER NOT NULL, checksum BLOB NOT NULL) STRICT",
  "CREATE TABLE snapshot_chunks (number INTEGER PRIMARY KEY, bytes BLOB NOT NULL, checksum BLOB NOT NULL) STRICT",
  ...DATASET_TABLES,
];

/** What the first bytes of a database file say, before SQLite opens it. */
export interface DatabaseFile {
  /** A file of 0 bytes counts as missing, as it does for SQLite. */
  readonly missing: boolean;
  /** 0 in a database whose creation never ended, or that is none of ours. */
  readonly format: number;
}

/** Reads the header of a database file, following https://www.sqlite.org/fileformat2.html#the_database_header. */
export function readDatabaseFile(path: string): DatabaseFile {
  const header = Buffer.alloc(100);
  let descriptor: number;
  try {
    descriptor = openSync(path, "r");
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { missing: true, format: 0 };
    throw error;
  }
  try {
    const length = readSync(descriptor, header, 0, header.length, 0);
    const ours = isOurs(header);
    return { missing: length === 0, format: ours ? header.readUInt32BE(60) : 0 };
  } finally {
    closeSync(descriptor);
  }
}

// Both format versions of a database in WAL mode are 2; SQLite would not write to one with a higher.
function isOurs(header: Buffer): boolean {
  const isSqlite = header.toString("latin1", 0, 16) === MAGIC;
  return (
    isSqlite && header.readUInt16BE(18) === 0x0202 && header.readUInt32BE(68) === APPLICATION_ID
  );
}

/** Makes the tables in an empty database. */
export function createTables(database: DatabaseSync): void {
  database.exec("BEGIN IMMEDIATE");
  for (const table of TABLES) database.exec(table);
  database.exec(`PRAGMA application_id=${APPLICATION_ID}`);
  database.exec(`PRAGMA user_version=${DATABASE_FORMAT}`);
  database.exec("COMMIT");
}

/** Whether a database has no tables at all. */
export function isEmpty(database: DatabaseSync): boolean {
  return readSchema(database).length === 0;
}

/** Whether a database has exactly the tables of a journal. */
export function hasOurTables(database: DatabaseSync): boolean {
  const format = database.prepare("PRAGMA user_version").get()?.user_version;
  const application = database.prepare("PRAGMA application_id").get()?.application_id;
  if (Number(format) !== DATABASE_FORMAT || Number(application) !== APPLICATION_ID) return false;
  return JSON.stringify(readSchema(database)) === JSON.stringify(TABLES);
}

function readSchema(database: DatabaseSync): unknown[] {
  const rows = database.prepare("SELECT sql FROM sqlite_schema ORDER BY rowid").all();
  return rows.map(({ sql }) => sql);
}
