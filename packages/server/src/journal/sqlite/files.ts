import { join } from "node:path";

/** The files of a journal, in the folder of its namespace. */
export interface JournalFiles {
  readonly folder: string;
  readonly database: string;
  readonly log: string;
  readonly mark: string;
}

/** Names the files of a journal. */
export function journalFiles(folder: string): JournalFiles {
  const database = join(folder, "journal.db");
  return { folder, database, log: `${database}-wal`, mark: join(folder, "mark") };
}
