import { DatabaseSync } from "node:sqlite";
import { makePrivateFile, syncFolder } from "../../data-folder/private-files.ts";
import { JournalOpenError, type JournalPosition } from "../journal.ts";
import { larger } from "../lineage.ts";
import type { JournalFiles } from "./files.ts";
import type { MarkReading } from "./mark.ts";
import {
  checkMark,
  checkNeverBegun,
  type LookedAt,
  lookAtFiles,
  noticesOf,
  verifyUntouched,
} from "./prove.ts";
import { orRefuse } from "./refusals.ts";
import { createTables, isEmpty } from "./schema.ts";
import type { Verified } from "./verify.ts";

/** A database that has been proven to hold every acknowledged batch, or was accepted without. */
export interface OpenDatabase {
  readonly database: DatabaseSync;
  readonly verified: Verified;
  /** The highest revision and epoch that database and mark show. */
  readonly highest: JournalPosition;
  readonly markSequence: bigint;
  /** What people should know though the journal is good, as sentences for the log. */
  readonly notices: readonly string[];
}

/** How a database is opened. */
export interface OpenDatabaseOptions {
  /** Accept a mark that is missing or ahead. Damage is refused all the same. */
  readonly acceptMissingEnd: boolean;
  /** The most bytes the database may have; a batch that would pass them fails as on a full disk. */
  readonly maxDatabaseBytes: number;
}

const SYNCHRONOUS_FULL = 2;
/** How long another program may keep the log from being moved whole, milliseconds. */
const READER_TIMEOUT_MS = 5_000;
const SQLITE_MAX_PAGES = 0xfffffffe;

/**
 * Opens a database and proves that it holds every acknowledged batch, cheapest proof first: format,
 * write-ahead log, hash chain, mark.
 *
 * Then, before anyone is answered, everything read is written again and synced: an earlier process may
 * have ended over a failed sync, after which the kernel shows pages it never wrote as if they were on
 * the disk, and no later sync brings them there. A checkpoint writes each page of the log into the
 * database anew, which makes them dirty again, and syncs; pages that came there by an earlier
 * checkpoint were synced then, or that checkpoint failed and the log still had them.
 * @throws JournalOpenError
 */
export function openDatabase(files: JournalFiles, options: OpenDatabaseOptions): OpenDatabase {
  const lookedAt = lookAtFiles(files);
  const { mark, file, scan } = lookedAt;
  if (file.format === 0) startDatabase(files, lookedAt, options);
  const verified = verifyUntouched(files, mark);
  if (!options.acceptMissingEnd) checkMark(files, verified, mark);
  const database = orRefuse(files, () => connectAndSync(files, options));
  const highest = highestOf(verified, mark);
  return {
    database,
    verified,
    highest,
    markSequence: mark.sequence,
    notices: noticesOf(files, scan),
  };
}

/** Moves the write-ahead log into the database and syncs it. Throws when not all of it could be moved. */
export function checkpoint(database: DatabaseSync, mode: "PASSIVE" | "TRUNCATE"): void {
  // A backup reads for a moment at a time.
  if (mode === "TRUNCATE") database.exec(`PRAGMA busy_timeout=${READER_TIMEOUT_MS}`);
  const result = database.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
  if (mode === "TRUNCATE") database.exec("PRAGMA busy_timeout=0");
  if (mode === "TRUNCATE" && Number(result?.busy) !== 0) {
    throw new JournalOpenError(
      "FOLDER_IN_USE",
      "Another program reads the database of the journal and keeps it from being synced: stop that program and start again.",
    );
  }
}

function connectAndSync(files: JournalFiles, options: OpenDatabaseOptions): DatabaseSync {
  const database = new DatabaseSync(files.database, { timeout: 0 });
  try {
    configure(database, options);
    checkpoint(database, "TRUNCATE");
    syncFolder(files.folder);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

function configure(database: DatabaseSync, { maxDatabaseBytes }: OpenDatabaseOptions): void {
  const mode = database.prepare("PRAGMA journal_mode=WAL").get()?.journal_mode;
  database.exec("PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=0");
  const synchronous = Number(database.prepare("PRAGMA synchronous").get()?.synchronous);
  if (mode !== "wal" || synchronous !== SYNCHRONOUS_FULL) {
    throw new Error(`SQLite gave journal mode ${String(mode)}, synchronous ${synchronous}`);
  }
  const pageSize = Number(database.prepare("PRAGMA page_size").get()?.page_size);
  const maxPages = Math.min(Math.floor(maxDatabaseBytes / pageSize), SQLITE_MAX_PAGES);
  database.exec(`PRAGMA max_page_count=${maxPages}`);
}

// The format is in the file before the first batch is taken: without it there never was one.
function startDatabase(
  files: JournalFiles,
  lookedAt: LookedAt,
  options: OpenDatabaseOptions,
): void {
  checkNeverBegun(files, lookedAt, options.acceptMissingEnd);
  orRefuse(files, () => {
    makePrivateFile(files.database);
    const database = new DatabaseSync(files.database, { timeout: 0 });
    try {
      configure(database, options);
      if (isEmpty(database)) createTables(database);
      checkpoint(database, "TRUNCATE");
    } finally {
      database.close();
    }
  });
}

function highestOf({ end }: Verified, { highest }: MarkReading): JournalPosition {
  return {
    revision: larger(end.revision, highest.revision),
    epoch: larger(end.epoch, highest.epoch),
  };
}
