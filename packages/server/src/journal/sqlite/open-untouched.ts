import { statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { pathToFileURL } from "node:url";
import type { JournalFiles } from "./files.ts";

/**
 * Opens a database to which nobody writes, for reading, so that its folder stays as it is: without a
 * write-ahead log it is opened as immutable, because otherwise SQLite makes one, and an index of it,
 * which needs a folder that can be written. With one there is no other way.
 */
export function openUntouched({ database, log }: JournalFiles): DatabaseSync {
  const logBytes = statSync(log, { throwIfNoEntry: false })?.size ?? 0;
  if (logBytes > 0) return new DatabaseSync(database, { timeout: 0, readOnly: true });
  const url = pathToFileURL(database);
  url.searchParams.set("immutable", "1");
  return new DatabaseSync(url, { timeout: 0, readOnly: true });
}
