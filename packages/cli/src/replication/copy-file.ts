import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";
import { progressReporter } from "../output/progress.ts";

/** So many pages are copied at a time. */
const PAGES = 1_000;

/**
 * Makes a copy of a SQLite file as of one moment, gives it to `use` and removes it. Whoever uses the file goes on
 * meanwhile.
 */
export async function withCopy<T>(path: string, use: (copy: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-check-"));
  try {
    const copy = join(folder, "copy.db");
    await copyFile(path, copy);
    return await use(copy);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function copyFile(path: string, copy: string): Promise<void> {
  const report = progressReporter("copy", "pages");
  const source = new DatabaseSync(path, { readOnly: true });
  try {
    // What is read is of one moment from here on; without it every write of the replica would begin the copy anew.
    source.exec("BEGIN; SELECT count(*) FROM sqlite_schema;");
    await backup(source, copy, {
      rate: PAGES,
      progress: ({ totalPages, remainingPages }) =>
        report({ done: totalPages - remainingPages, total: totalPages }),
    });
  } finally {
    source.close();
  }
}
