import { JournalOpenError } from "../journal.ts";
import { BatchDamage } from "./columns.ts";
import type { JournalFiles } from "./files.ts";
import { DATABASE_FORMAT } from "./schema.ts";

const SQLITE_BUSY = 5;
const NOT_WRITABLE_CODES = new Set([8, 13, 14]);

/** Acknowledged batches are missing. */
export function behindMark(files: JournalFiles, tail: bigint, marked: bigint): JournalOpenError {
  const found =
    tail < marked
      ? `ends at revision ${tail}, but its mark ${files.mark} shows that revision ${marked} was acknowledged`
      : `does not hold the batch up to revision ${marked} that its mark ${files.mark} shows as acknowledged`;
  return new JournalOpenError(
    "BEHIND_MARK",
    `The journal ${files.database} ${found}: put back the database and its write-ahead log ${files.log} as they were, or start a new lineage from what is there.`,
  );
}

/** Another version has written it. */
export function otherFormat(files: JournalFiles, format: number): JournalOpenError {
  const what = `The journal ${files.database} has format ${format}, this version knows format ${DATABASE_FORMAT}`;
  if (format > DATABASE_FORMAT) {
    return new JournalOpenError("NEWER_FORMAT", `${what}: start a newer version of the server.`);
  }
  return new JournalOpenError(
    "OLDER_FORMAT",
    `${what}, and formats before the first release are not carried over: start with an empty data folder, or with the version that wrote this one.`,
  );
}

/** A file is not what was written. */
export function damaged(path: string, what: string, cause?: unknown): JournalOpenError {
  return new JournalOpenError(
    "DAMAGED",
    `The journal file ${path} is damaged: ${what}. Nothing was changed: keep a copy of the folder, check the disk, restore a backup and start a new lineage from it.`,
    { cause },
  );
}

/** Runs `use`, and turns whatever it throws into a refusal that says what to do. */
export function orRefuse<T>(files: JournalFiles, use: () => T): T {
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
