import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

/** What a server keeps on disk, seen from outside while it works. */
export interface JournalView {
  /** The revision that the snapshot covers; 0 while there is none. */
  readonly snapshotRevision: number;
  /** Up to this revision history has been dropped; 0 while none has. */
  readonly droppedRevision: number;
  /** All files of the data folder, bytes. */
  readonly diskBytes: number;
}

/** Looks at the data of a server with a single namespace. */
export function viewJournal(folder: string): JournalView {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const databaseFile = files.find((file) => file.endsWith(".db"));
  if (databaseFile === undefined) throw new Error(`no journal in ${folder}`);
  const database = new DatabaseSync(join(folder, databaseFile), { readOnly: true });
  try {
    const revision = (table: string) =>
      Number(database.prepare(`SELECT max(revision) AS revision FROM ${table}`).get()?.revision);
    return {
      snapshotRevision: revision("snapshot"),
      droppedRevision: revision("base"),
      diskBytes: files.reduce((sum, file) => sum + sizeOf(join(folder, file)), 0),
    };
  } finally {
    database.close();
  }
}

function sizeOf(path: string): number {
  // A file may be gone by now.
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat?.isFile() ? stat.size : 0;
}
