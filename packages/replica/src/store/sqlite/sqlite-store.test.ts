import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { StoreError } from "../../errors.ts";
import { storeContract } from "../store-contract.ts";
import { SqliteStore } from "./sqlite-store.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-replica-"));
  folders.push(folder);
  return join(folder, "replica.db");
}

storeContract<DatabaseSync>("the store in SQLite", async () => {
  const path = newPath();
  const prepare = new DatabaseSync(path);
  prepare.exec("CREATE TABLE mine (value TEXT)");
  prepare.close();
  return {
    open: async () => new SqliteStore({ path }),
    write: (user, value) => void user.prepare("INSERT INTO mine VALUES (?)").run(value),
    written: async () => {
      const other = new DatabaseSync(path, { readOnly: true });
      const rows = other.prepare("SELECT value FROM mine").all();
      other.close();
      return rows.map(({ value }) => String(value));
    },
  };
});

test("a file of a newer version is refused", () => {
  const path = newPath();
  void new SqliteStore({ path }).close();
  const other = new DatabaseSync(path);
  other.exec("UPDATE lockstep_store SET format = 99");
  other.close();
  expect(() => new SqliteStore({ path })).toThrow(StoreError);
});

test("a store in SQLite needs a file", () => {
  expect(() => new SqliteStore({ path: ":memory:" })).toThrow(StoreError);
});

test("of two stores on one file the one that was opened last writes, and the other is told", async () => {
  const path = newPath();
  const first = new SqliteStore({ path });
  await first.transaction(() => {});
  const second = new SqliteStore({ path });
  await second.transaction(() => {});
  await expect(first.transaction(() => {})).rejects.toBeInstanceOf(StoreError);
  await first.close();
  await second.transaction(() => {});
  await second.close();
});

test("a transaction that the user's code has ended is noticed before anything else is written", async () => {
  const store = new SqliteStore({ path: newPath() });
  const ended = store.transaction((tx) => {
    tx.user.exec("ROLLBACK");
    tx.requireOpen();
  });
  await expect(ended).rejects.toBeInstanceOf(StoreError);
  await store.transaction((tx) => tx.requireOpen());
  await store.close();
});
