import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { Journal } from "../../journal.ts";
import type { TableRead } from "../../tables.ts";
import { batch } from "../../test-records.ts";
import { bytesOf, change, checkpoint, DATASET, put, recorded, row } from "../../test-rows.ts";
import { openSqliteJournal } from "../sqlite-journal.ts";

let folder: string;
let journal: Journal | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "lockstep-tables-"));
});
afterEach(async () => {
  await journal?.close();
  journal = undefined;
  rmSync(folder, { recursive: true });
});

/** A journal with three batches and three rows, in which a statement has changed something. */
async function changedBy(sql: string): Promise<Journal> {
  const before = await openSqliteJournal({ folder });
  const rows = [put("a", 1n), put("b", 2n), put("c", 3n)];
  const log = [change(1n), change(2n, false), change(3n), change(4n), checkpoint(4n)];
  await before.append(0n, { ...batch(1n), rows: [...rows, ...log, recorded("id", 1n)] });
  await before.close();
  const database = new DatabaseSync(join(folder, "journal.db"));
  expect(database.prepare(sql).run().changes).toBe(1);
  database.close();
  journal = await openSqliteJournal({ folder });
  return journal;
}

async function read<const R extends TableRead>(from: Journal, one: R) {
  return (await from.readTables([one])).results[0];
}

const columns = [
  "seq = seq + 1",
  "schema_version = schema_version + 1",
  "bucket = bucket + 1",
  "bytes = bytes + 1",
  "entry_hash = zeroblob(32)",
  "head_checksum = head_checksum + 1",
];

test.each(columns)(
  "a row with %s is told as damaged, and those around it are read [DATA-90]",
  async (changed) => {
    const found = await changedBy(`UPDATE dataset_rows SET ${changed} WHERE key = x'62'`);
    const keys = ["a", "b", "c"].map(bytesOf);
    const damaged = { damaged: expect.objectContaining({ key: bytesOf("b") }) };
    expect(await read(found, { datasetId: DATASET, kind: "rows", keys })).toEqual([
      row("a", 1n),
      damaged,
      row("c", 3n),
    ]);
    const [, head] = await read(found, { datasetId: DATASET, kind: "heads", keys });
    expect(head).toEqual(damaged);
  },
);

test("a value that has changed is told with its row, though its head is right [DATA-90]", async () => {
  const found = await changedBy("UPDATE dataset_rows SET value = x'00' WHERE key = x'62'");
  const limit = { maxRecords: 10, maxBytes: 10_000 };
  const [prefix, afterKey] = [bytesOf(""), bytesOf("")];
  const page = await read(found, { datasetId: DATASET, kind: "page", prefix, afterKey, limit });
  expect(page.rows.map((one) => "damaged" in one)).toEqual([false, true, false]);
  const keys = [bytesOf("b")];
  const [head] = await read(found, { datasetId: DATASET, kind: "heads", keys });
  expect(head).toMatchObject({ seq: 2n });
});

test.each([
  "UPDATE changes SET bytes = x'01' WHERE last_seq = 3",
  "UPDATE changes SET log_hash = zeroblob(32) WHERE last_seq = 3",
  "UPDATE changes SET first_seq = 3 WHERE last_seq = 3",
  "DELETE FROM changes WHERE last_seq = 3",
])("a log is read up to the batch before what is damaged: %s [DATA-90]", async (sql) => {
  const found = await changedBy(sql);
  const changes = await read(found, {
    datasetId: DATASET,
    kind: "changes",
    afterSeq: 0n,
    afterCheckpoint: 0n,
    maxBytes: 10_000,
  });
  expect(changes.batchEnds).toEqual([1n]);
  expect(changes.changes.map(({ seq }) => seq)).toEqual([1n]);
  expect(changes.damage).toEqual({ damaged: expect.objectContaining({ seq: 2n }) });
});

test("an idempotency key of which something has changed is told as damaged [DATA-90]", async () => {
  const found = await changedBy("UPDATE idempotency SET seq = 2");
  const idempotencyKeys = ["id"];
  const [record] = await read(found, { datasetId: DATASET, kind: "records", idempotencyKeys });
  expect(record).toHaveProperty("damaged");
});
