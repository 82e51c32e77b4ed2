import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, expect, test } from "vitest";
import { SqliteStore } from "../store/sqlite/sqlite-store.ts";
import { del, put } from "../testing-support/fake-log.ts";
import { eventsOf, expectEqual, rowsOf, until, world } from "../testing-support/world.ts";

const folders: string[] = [];

afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true });
});

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-replica-"));
  folders.push(folder);
  return join(folder, "replica.db");
}

test("rows changed by hand in a replica's file are found by its pass, named and repaired [REP-95] [REP-96] [REP-99]", async () => {
  const here = world();
  const { authority, clock } = here;
  const path = newPath();
  for (const name of ["a", "b", "c", "d"]) authority.append(put(name, "1"));
  const store = new SqliteStore({ path });
  const replica = await here.started({ store, onDrift: "REPAIR", scrubPassMs: 60_000 });
  const events = eventsOf(replica);
  const hand = new DatabaseSync(path);
  hand.exec(`
    UPDATE lockstep_rows_1 SET value = x'00' WHERE key = CAST('a' AS BLOB);
    DELETE FROM lockstep_rows_1 WHERE key = CAST('b' AS BLOB);
    INSERT INTO lockstep_rows_1 SELECT CAST('x' AS BLOB), bucket, seq, schema_version, entry_hash, value
      FROM lockstep_rows_1 WHERE key = CAST('c' AS BLOB);
    UPDATE lockstep_rows_1 SET entry_hash = x'01' WHERE key = CAST('d' AS BLOB);
  `);
  hand.close();
  await until(clock, () => events.some((event) => event.type === "drift"));
  const findings = events.flatMap((event) => (event.type === "drift" ? event.found.findings : []));
  const named = findings.map(({ kind, key }) => `${new TextDecoder().decode(key)} ${kind}`);
  // Of d only what the digest keeps beside the row was changed: that is put right without the server.
  expect(named.sort()).toEqual(["a DIVERGENT", "b MISSING", "x EXTRA"]);
  await expectEqual(here, replica);
  expect(await rowsOf(replica)).toEqual({ a: "1", b: "1", c: "1", d: "1" });
  await replica.close();
});

test("a replica on a file goes on where it was, with what its user wrote in the same transactions [REP-70] [REP-71]", async () => {
  const here = world();
  const { authority } = here;
  const path = newPath();
  const tables = new DatabaseSync(path);
  tables.exec("CREATE TABLE totals (key BLOB PRIMARY KEY, times INTEGER NOT NULL)");
  tables.close();
  const open = () =>
    here.started<DatabaseSync>({
      store: new SqliteStore({ path }),
      apply: async ({ key }, database) => {
        await Promise.resolve();
        database
          .prepare("INSERT INTO totals VALUES (?, 1) ON CONFLICT DO UPDATE SET times = times + 1")
          .run(key);
      },
    });
  const first = await open();
  authority.append(put("a", "1"), put("b", "1"));
  await expectEqual(here, first);
  await first.close();
  authority.append(put("a", "2"), del("b"));
  const second = await open();
  await expectEqual(here, second);
  expect(authority.requests("subscribe").at(-1).start.case).toBe("cursor");
  await second.close();
  const result = new DatabaseSync(path, { readOnly: true });
  const rows = result.prepare("SELECT CAST(key AS TEXT) AS key, times FROM totals").all();
  expect(rows.map(({ key, times }) => `${key} ${times}`).sort()).toEqual(["a 2", "b 2"]);
  result.close();
});
