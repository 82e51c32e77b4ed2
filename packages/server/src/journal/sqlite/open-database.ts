import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { makePrivateFile, syncFolder } from "../../data-folder/private-files.ts";
import { JournalOpenError, type JournalPosition } from "../journal.ts";
import { larger } from "../lineage.ts";
import { BatchDamage } from "./columns.ts";
import { type MarkReading, readMark } from "./mark.ts";
import {
  createTables,
  DATABASE_FORMAT,
  type DatabaseFile,
  hasOurTables,
  isEmpty,
  migrateTables,
  readDatabaseFile,
} from "./schema.ts";
import { type Verified, verify } from "./verify.ts";
import { scanWal, type WalScan } from "./wal-scan.ts";

/** The files of a journal, in the folder of its namespace. */
export interface JournalFiles {
  readonly folder: string;
  readonly database: string;
  readonly log: string;
  readonly mark: string;
}

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
const SQLITE_MAX_PAGES = 0xfffffffe;
const SQLITE_BUSY = 5;
const NOT_WRITABLE_CODES = new Set([8, 13, 14]);

/** Names the files of a journal. */
export function journalFiles(folder: string): JournalFiles {
  const database = join(folder, "journal.db");
  return { folder, database, log: `${database}-wal`, mark: join(folder, "mark") };
}

/**
 * Opens a database and proves that it holds every acknowledged batch, cheapest proof first: format,
 * write-ahead log, hash chain, mark. The log is looked at before SQLite sees it, because SQLite drops
 * what follows a bad frame without a word.
 *
 * Then, before anyone is answered, everything read is written again and synced: an earlier process may
 * have ended over a failed sync, after which the kernel shows pages it never wrote as if they were on
 * the disk, and no later sync brings them there. A checkpoint writes each page of the log into the
 * database anew, which makes them dirty again, and syncs; pages that came there by an earlier
 * checkpoint were synced then, or that checkpoint failed and the log still had them.
 * @throws JournalOpenError
 */
export function openDatabase(files: JournalFiles, options: OpenDatabaseOptions): OpenDatabase {
  const mark = readMark(files.mark);
  const file = readDatabaseFile(files.database);
  if (file.format > DATABASE_FORMAT) throw newerFormat(files, file.format);
  const scan = scanWal(files.log);
  checkScan(files, file, scan);
  if (file.format === 0) startDatabase(files, file, mark, options);
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
  const result = database.prepare(`PRAGMA wal_checkpoint(${mode})`).get();
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
    migrateTables(database);
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

function checkScan(files: JournalFiles, file: DatabaseFile, scan: WalScan): void {
  if (scan.state === "damaged") throw damaged(files.log, scan.what);
  // SQLite would remove the log of a missing database.
  if (file.missing && scan.state !== "empty") {
    throw damaged(
      files.database,
      "the file is missing or empty while its write-ahead log is there",
    );
  }
}

// The format is in the file before the first batch is taken: without it there never was one.
function startDatabase(
  files: JournalFiles,
  file: DatabaseFile,
  { mark }: MarkReading,
  options: OpenDatabaseOptions,
): void {
  if (mark !== undefined && mark.revision > 0n) {
    if (!file.missing) throw damaged(files.database, "its header is spoilt");
    if (!options.acceptMissingEnd) throw behindMark(files, 0n, mark.revision);
  }
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

// Read-only, because a connection that may write changes the files even as it is closed, and whoever
// has to find out what happened to a refused journal needs them as they were.
function verifyUntouched(files: JournalFiles, { mark }: MarkReading): Verified {
  return orRefuse(files, () => {
    const database = new DatabaseSync(files.database, { timeout: 0, readOnly: true });
    try {
      if (!hasOurTables(database)) throw new BatchDamage("it has other tables than a journal has");
      return verify(database, mark);
    } finally {
      database.close();
    }
  });
}

function checkMark(files: JournalFiles, { end, holdsMark }: Verified, { mark }: MarkReading): void {
  if (mark === undefined) {
    if (end.revision === 0n) return;
    throw new JournalOpenError(
      "MARK_MISSING",
      `The journal ${files.database} ends at revision ${end.revision}, but its mark ${files.mark} is missing or spoilt, so nothing shows that this is all that was acknowledged: put the mark back, or start a new lineage.`,
    );
  }
  if (!holdsMark) throw behindMark(files, end.revision, mark.revision);
}

function behindMark(files: JournalFiles, tail: bigint, marked: bigint): JournalOpenError {
  const found =
    tail < marked
      ? `ends at revision ${tail}, but its mark ${files.mark} shows that revision ${marked} was acknowledged`
      : `does not hold the batch up to revision ${marked} that its mark ${files.mark} shows as acknowledged`;
  return new JournalOpenError(
    "BEHIND_MARK",
    `The journal ${files.database} ${found}: put back the database and its write-ahead log ${files.log} as they were, or start a new lineage from what is there.`,
  );
}

function newerFormat(files: JournalFiles, format: number): JournalOpenError {
  return new JournalOpenError(
    "NEWER_FORMAT",
    `The journal ${files.database} has format ${format}, this version knows formats up to ${DATABASE_FORMAT}: start a newer version of the server.`,
  );
}

function damaged(path: string, what: string, cause?: unknown): JournalOpenError {
  return new JournalOpenError(
    "DAMAGED",
    `The journal file ${path} is damaged: ${what}. Nothing was changed: keep a copy of the folder, check the disk, restore a backup and start a new lineage from it.`,
    { cause },
  );
}

function orRefuse<T>(files: JournalFiles, use: () => T): T {
  try {
    return use();
  } catch (error) {
    throw refusal(files, error);
  }
}

function refusal(files: JournalFiles, error: unknown): JournalOpenError {
  if (error instanceof JournalOpenError) return error;
  const why = error instanceof Error ? error.message : String(error);
  if (error instanceof BatchDamage) return damaged(files.database, why, error);
  const code = error instanceof Error && "errcode" in error ? Number(error.errcode) & 0xff : 0;
  if (code === SQLITE_BUSY) {
    return new JournalOpenError(
      "FOLDER_IN_USE",
      `The journal ${files.database} is locked by another program: stop that program and start again.`,
      { cause: error },
    );
  }
  if (NOT_WRITABLE_CODES.has(code)) {
    return new JournalOpenError(
      "NOT_WRITABLE",
      `The journal ${files.database} cannot be written (${why}): make the folder writable for this user and see that the disk has room.`,
      { cause: error },
    );
  }
  return damaged(files.database, why, error);
}

function highestOf({ end }: Verified, { highest }: MarkReading): JournalPosition {
  return {
    revision: larger(end.revision, highest.revision),
    epoch: larger(end.epoch, highest.epoch),
  };
}

function noticesOf(files: JournalFiles, scan: WalScan): string[] {
  if (scan.state !== "torn") return [];
  return [
    `The last write to ${files.log} was cut off before it was acknowledged; it was dropped, ${scan.keptFrames} frames before it are good.`,
  ];
}
