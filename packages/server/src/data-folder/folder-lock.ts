import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { JournalOpenError } from "../journal/journal.ts";
import { makePrivateFile } from "./private-files.ts";

/** A held lock of a data folder. */
export interface FolderLock {
  /** Lets the folder go. */
  release(): void;
}

const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;

// A connection that nobody refers to would be collected, and its lock with it.
const held = new Set<DatabaseSync>();

/**
 * Takes the lock of a data folder, held until `release` or the end of the process, however it ends.
 *
 * Node has no file locks of its own, SQLite has: an open exclusive transaction on an empty database
 * file `lock` is a POSIX lock that the kernel frees with the process, after `kill -9` too. Nothing else
 * may open and close that file in this process: POSIX locks vanish with *any* closed descriptor of the
 * file. SQLite itself knows that and keeps its descriptors open as long as one of them holds a lock.
 * @throws JournalOpenError FOLDER_IN_USE or DAMAGED
 */
export function lockFolder(folder: string): FolderLock {
  const path = join(folder, "lock");
  makePrivateFile(path);
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // The rollback journal in memory: it never holds anything and would only be another file.
    database.exec("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=MEMORY");
    database.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    database.close();
    throw refusal(folder, path, error);
  }
  held.add(database);
  return {
    release() {
      if (held.delete(database)) database.close();
    },
  };
}

function refusal(folder: string, path: string, cause: unknown): unknown {
  const code = cause instanceof Error && "errcode" in cause ? cause.errcode : undefined;
  if (code === SQLITE_BUSY) {
    return new JournalOpenError(
      "FOLDER_IN_USE",
      `The data folder ${folder} is in use by another server: stop that one, or choose another folder.`,
      { cause },
    );
  }
  if (code === SQLITE_NOTADB) {
    return new JournalOpenError(
      "DAMAGED",
      `${path} is not a lock file: when no server uses the folder, remove that file and start again.`,
      { cause },
    );
  }
  return cause;
}
