import { JournalOpenError } from "../journal.ts";
import { BatchDamage } from "./columns.ts";
import type { JournalFiles } from "./files.ts";
import { type MarkReading, readMark } from "./mark.ts";
import { openUntouched } from "./open-untouched.ts";
import { behindMark, damaged, orRefuse, otherFormat } from "./refusals.ts";
import { DATABASE_FORMAT, type DatabaseFile, hasOurTables, readDatabaseFile } from "./schema.ts";
import { type Verified, verify } from "./verify.ts";
import { scanWal, type WalScan } from "./wal-scan.ts";

/** What the files of a journal show before SQLite sees them. */
export interface LookedAt {
  readonly mark: MarkReading;
  readonly file: DatabaseFile;
  readonly scan: WalScan;
}

/**
 * The cheap proofs: that the format is known, and that the write-ahead log has no spoilt frame which a
 * later commit follows. The log is looked at before SQLite sees it, because SQLite drops what follows a
 * bad frame without a word; nobody may write to it meanwhile.
 * @throws JournalOpenError NEWER_FORMAT, OLDER_FORMAT or DAMAGED
 */
export function lookAtFiles(files: JournalFiles): LookedAt {
  const mark = readMark(files.mark);
  const file = readDatabaseFile(files.database);
  if (file.format !== 0 && file.format !== DATABASE_FORMAT) throw otherFormat(files, file.format);
  const scan = scanWal(files.log);
  checkScan(files, file, scan);
  return { mark, file, scan };
}

/**
 * Refuses a database whose creation never ended although something was acknowledged.
 * @throws JournalOpenError DAMAGED or BEHIND_MARK
 */
export function checkNeverBegun(
  files: JournalFiles,
  { file, mark: { mark } }: Pick<LookedAt, "file" | "mark">,
  acceptMissingEnd: boolean,
): void {
  if (mark === undefined || mark.revision === 0n) return;
  if (!file.missing) throw damaged(files.database, "its header is spoilt");
  if (!acceptMissingEnd) throw behindMark(files, 0n, mark.revision);
}

/**
 * The proof of every byte, and whether the batch that the mark names is there. Read-only, because a
 * connection that may write changes the files even as it is closed, and whoever has to find out what
 * happened to a refused journal needs them as they were.
 * @throws JournalOpenError
 */
export function verifyUntouched(
  files: JournalFiles,
  { mark }: Pick<MarkReading, "mark">,
): Verified {
  return orRefuse(files, () => {
    const database = openUntouched(files);
    try {
      if (!hasOurTables(database)) throw new BatchDamage("it has other tables than a journal has");
      return verify(database, mark);
    } finally {
      database.close();
    }
  });
}

/**
 * The proof of the end.
 * @throws JournalOpenError MARK_MISSING or BEHIND_MARK
 */
export function checkMark(
  files: JournalFiles,
  { end, holdsMark }: Pick<Verified, "end" | "holdsMark">,
  { mark }: Pick<MarkReading, "mark">,
): void {
  if (mark === undefined) {
    if (end.revision === 0n) return;
    throw new JournalOpenError(
      "MARK_MISSING",
      `The journal ${files.database} ends at revision ${end.revision}, but its mark ${files.mark} is missing or spoilt, so nothing shows that this is all that was acknowledged: put the mark back, or start a new lineage.`,
    );
  }
  if (!holdsMark) throw behindMark(files, end.revision, mark.revision);
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

/** What people should know though the journal is good. */
export function noticesOf(files: JournalFiles, scan: WalScan): string[] {
  if (scan.state !== "torn") return [];
  return [
    `The last write to ${files.log} was cut off before it was acknowledged; it was dropped, ${scan.keptFrames} frames before it are good.`,
  ];
}
