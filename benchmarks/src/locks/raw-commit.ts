import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Group } from "./contestant.ts";

const RECORD_BYTES = 120;

/**
 * The floor under every durable reply: one small row, committed and synced, with nothing around it. On
 * the same disk and with the same settings as the server's journal.
 */
export async function rawCommit(): Promise<Group> {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-bench-"));
  const database = new DatabaseSync(join(folder, "raw.db"));
  database.exec("PRAGMA journal_mode = WAL");
  database.exec("PRAGMA synchronous = FULL");
  database.exec("CREATE TABLE rows (id INTEGER PRIMARY KEY, bytes BLOB)");
  const insert = database.prepare("INSERT INTO rows (bytes) VALUES (?)");
  const bytes = new Uint8Array(RECORD_BYTES);
  const cycle = async () => {
    insert.run(bytes);
  };
  return {
    version: `SQLite ${process.versions.sqlite}`,
    contestants: [{ name: "raw SQLite commit", callers: 1, contended: false, work: { cycle } }],
    close: async () => {
      database.close();
      rmSync(folder, { recursive: true });
    },
  };
}
