import type { RowWrite } from "@lockstep/core";
import { expect, test } from "vitest";
import type { JournalHome } from "./contract.ts";
import type { Journal } from "./journal.ts";
import type { TableRead } from "./tables.ts";
import { batch } from "./test-records.ts";
import {
  bytesOf,
  change,
  changeOf,
  checkpoint,
  DATASET,
  hash,
  put,
  recorded,
  remove,
  row,
} from "./test-rows.ts";

/** Appends one event that writes these rows. */
async function write(journal: Journal, ...rows: readonly RowWrite[]): Promise<void> {
  const { tail } = journal.state();
  await journal.append(tail, { ...batch(tail + 1n), rows });
}

async function read<const R extends TableRead>(journal: Journal, one: R) {
  const { results } = await journal.readTables([one]);
  return results[0];
}

const headOf = (key: string, seq: bigint, value?: string) => {
  const { entryHash, key: bytes, value: content } = row(key, seq, value);
  return { seq, entryHash, bytes: bytes.length + content.length };
};

const texts = (rows: readonly object[]) =>
  rows.map((each) => ("key" in each ? Buffer.from(each.key as Uint8Array).toString("latin1") : ""));

/** Tables of datasets: what events write beside themselves. */
export function tables(makeHome: () => Promise<JournalHome>): void {
  rowsAndRecords(makeHome);
  pages(makeHome);
  manyBuckets(makeHome);
  logs(makeHome);
  unwanted(makeHome);
  dropping(makeHome);
}

function rowsAndRecords(makeHome: () => Promise<JournalHome>): void {
  test("rows, heads and records are those last written, before and after it is opened again", async () => {
    const home = await makeHome();
    let journal = await home.open();
    await write(journal, put("a", 1n), put("b", 2n), recorded("ü", 1n));
    await write(journal, put("a", 3n), remove("b"), put("c", 4n), remove("c"), put("c", 5n, ""));
    const keys = ["a", "b", "c", "d"].map(bytesOf);
    for (const round of ["before", "after"]) {
      expect(await read(journal, { datasetId: DATASET, kind: "rows", keys }), round).toEqual([
        row("a", 3n),
        undefined,
        row("c", 5n, ""),
        undefined,
      ]);
      expect(await read(journal, { datasetId: DATASET, kind: "heads", keys }), round).toEqual([
        headOf("a", 3n),
        undefined,
        headOf("c", 5n, ""),
        undefined,
      ]);
      const idempotencyKeys = ["x", "ü"];
      expect(
        await read(journal, { datasetId: DATASET, kind: "records", idempotencyKeys }),
        round,
      ).toEqual([undefined, { seq: 1n, payloadHash: hash(1n) }]);
      expect(await read(journal, { datasetId: 8n, kind: "rows", keys: [bytesOf("a")] })).toEqual([
        undefined,
      ]);
      await journal.close();
      journal = await home.open();
    }
    await journal.close();
  });

  test("a batch that is refused writes no rows", async () => {
    const journal = await (await makeHome()).open();
    await write(journal, put("a", 1n));
    const rows = [put("a", 2n)];
    await expect(journal.append(1n, { epoch: 1n, records: [], rows })).rejects.toThrow(RangeError);
    const { revision, results } = await journal.readTables([
      { datasetId: DATASET, kind: "rows", keys: [bytesOf("a")] },
      { datasetId: DATASET, kind: "position", seq: 9n },
    ]);
    expect(revision).toBe(1n);
    expect(results).toEqual([[row("a", 1n)], undefined]);
    await journal.close();
  });
}

/** Above every key that the default of max_entry_key_bytes allows: operators may allow longer ones. */
const HIGHEST = "\u00ff".repeat(1_100);
const LOW = ["b", "a\u00ff", "a", "\u0000", "a\u0000", "ab", "\u00ff\u00ff", "\u00ff"];
const NAMES = [...LOW, HIGHEST];

function pages(makeHome: () => Promise<JournalHome>): void {
  test("pages lead on by key in byte order, within a prefix", async () => {
    const journal = await (await makeHome()).open();
    await write(journal, ...NAMES.map((name, index) => put(name, BigInt(index + 1))));
    const sorted = [...NAMES].sort();
    for (const prefix of ["", "a", "\u00ff", "b", "zz"]) {
      const expected = sorted.filter((name) => name.startsWith(prefix));
      for (const maxRecords of [1, 3, 100]) {
        const found: string[] = [];
        for (let more = true; more; ) {
          const page = await read(journal, {
            datasetId: DATASET,
            kind: "page",
            prefix: bytesOf(prefix),
            afterKey: bytesOf(found.at(-1) ?? ""),
            limit: { maxRecords, maxBytes: 10_000 },
          });
          expect(page.rows.length).toBeLessThanOrEqual(maxRecords);
          found.push(...texts(page.rows));
          more = page.more;
        }
        expect(found).toEqual(expected);
      }
    }
    await journal.close();
  });

  test("a page and a reply of buckets end at their bytes, but hold at least the first", async () => {
    const journal = await (await makeHome()).open();
    await write(journal, put("a", 1n, "x".repeat(99)), put("a2", 2n, "y"), put("c", 3n, "z"));
    const page = (maxBytes: number) =>
      read(journal, {
        datasetId: DATASET,
        kind: "page",
        prefix: bytesOf(""),
        afterKey: bytesOf(""),
        limit: { maxRecords: 10, maxBytes },
      });
    expect([(await page(1)).rows.length, (await page(1)).more]).toEqual([1, true]);
    expect([(await page(103)).rows.length, (await page(103)).more]).toEqual([2, true]);
    expect([(await page(105)).rows.length, (await page(105)).more]).toEqual([3, false]);
    const keys = ["a", "a2", "c"].map(bytesOf);
    const rows = async (maxBytes: number) =>
      (await read(journal, { datasetId: DATASET, kind: "rows", keys, maxBytes })).length;
    expect([await rows(99), await rows(100), await rows(103)]).toEqual([1, 2, 3]);
    const buckets = async (maxBytes: number, ...wanted: number[]) =>
      (await read(journal, { datasetId: DATASET, kind: "buckets", buckets: wanted, maxBytes }))
        .buckets;
    expect(await buckets(104, 97, 98)).toEqual([
      { bucket: 97, rows: [row("a", 1n, "x".repeat(99)), row("a2", 2n, "y")] },
      { bucket: 98, rows: [] },
    ]);
    expect((await buckets(1, 97, 99)).map(({ bucket }) => bucket)).toEqual([97]);
    expect((await buckets(105, 97, 99)).map(({ bucket }) => bucket)).toEqual([97, 99]);
    await journal.close();
  });
}

function manyBuckets(makeHome: () => Promise<JournalHome>): void {
  test("buckets come in the order asked for, those without a row among them", async () => {
    const journal = await (await makeHome()).open();
    await write(journal, put("a", 1n), put("a2", 2n), put("c", 3n), put("x", 4n));
    const buckets = [101, 96, 97, 98, 99, 100];
    const wanted = { datasetId: DATASET, kind: "buckets", buckets, maxBytes: 1_000 } as const;
    const found = (await read(journal, wanted)).buckets;
    const filled = found.map(({ bucket, rows }) => [bucket, ...texts(rows)]);
    expect(filled).toEqual([[101], [96], [97, "a", "a2"], [98], [99, "c"], [100]]);
    await journal.close();
  });
}

function logs(makeHome: () => Promise<JournalHome>): void {
  test("changes come back byte by byte in whole batches, with the checkpoints among them", async () => {
    const journal = await (await makeHome()).open();
    await write(journal, change(1n, false), change(2n));
    await write(journal, checkpoint(2n));
    await write(journal, change(3n), change(4n, false), change(5n, false), change(6n));
    await write(journal, checkpoint(6n));
    const changes = (afterSeq: bigint, afterCheckpoint: bigint, maxBytes: number) =>
      read(journal, { datasetId: DATASET, kind: "changes", afterSeq, afterCheckpoint, maxBytes });
    const all = await changes(0n, 0n, 10_000);
    expect(all.changes).toEqual([1n, 2n, 3n, 4n, 5n, 6n].map((seq) => changeOf(seq)));
    expect(all.batchEnds).toEqual([2n, 3n, 6n]);
    expect(all.logHashes).toEqual([2n, 3n, 6n].map(hash));
    expect(all.checkpoints.map(({ seq }) => seq)).toEqual([2n, 6n]);
    expect(all.checkpoints[0]).toMatchObject({ count: 4n, root: hash(3n), logHash: hash(2n) });
    const one = await changes(0n, 0n, 1);
    expect([one.batchEnds, one.checkpoints.map(({ seq }) => seq)]).toEqual([[2n], [2n]]);
    const last = await changes(3n, 2n, 1);
    expect([last.batchEnds, last.changes.length]).toEqual([[6n], 3]);
    const inside = await changes(4n, 2n, 1);
    expect([inside.batchEnds, inside.changes.map(({ seq }) => seq)]).toEqual([[6n], [5n, 6n]]);
    const standing = await changes(6n, 2n, 1);
    expect(standing.changes).toEqual([]);
    expect(standing.checkpoints.map(({ seq }) => seq)).toEqual([6n]);
    expect((await changes(6n, 6n, 1)).checkpoints).toEqual([]);
    await journal.close();
  });

  test("a position is the end of the last batch at or below a seq", async () => {
    const journal = await (await makeHome()).open();
    await write(journal, change(1n, false), change(2n), change(3n, false), change(4n));
    const at = (seq: bigint) => read(journal, { datasetId: DATASET, kind: "position", seq });
    expect(await at(1n)).toBeUndefined();
    expect(await at(2n)).toMatchObject({ seq: 2n, logHash: hash(2n) });
    expect(await at(3n)).toMatchObject({ seq: 2n, logHash: hash(2n) });
    expect(await at(9n)).toMatchObject({ seq: 4n, logHash: hash(4n) });
    await journal.close();
  });
}

function unwanted(makeHome: () => Promise<JournalHome>): void {
  test("what is not kept ends at a checkpoint, by number or by age, and records by theirs", async () => {
    const journal = await (await makeHome()).open();
    for (let seq = 1n; seq <= 6n; seq += 1n) {
      await write(journal, change(seq), recorded(`id ${seq}`, seq, 100n * seq));
      if (seq % 2n === 0n) await write(journal, checkpoint(seq, 100n * seq));
    }
    const found = async (
      keepChanges: bigint,
      changesBeforeMs: bigint,
      recordsBeforeMs = 0n,
      heldFromSeq = 6n,
    ) => {
      const { floor, droppedSeq } = await read(journal, {
        datasetId: DATASET,
        kind: "unwanted",
        keepChanges,
        heldFromSeq,
        changesBeforeMs,
        recordsBeforeMs,
      });
      return [floor?.seq, droppedSeq];
    };
    expect(await found(6n, 0n)).toEqual([undefined, 0n]);
    expect(await found(3n, 0n)).toEqual([2n, 0n]);
    expect(await found(2n, 0n, 10_000n)).toEqual([4n, 4n]);
    expect(await found(2n, 0n, 300n)).toEqual([4n, 2n]);
    expect(await found(6n, 400n)).toEqual([2n, 0n]);
    expect(await found(6n, 401n, 401n)).toEqual([4n, 4n]);
    expect(await found(0n, 10_000n, 0n, 5n)).toEqual([4n, 0n]);
    expect(await found(2n, 0n, 0n, 3n)).toEqual([2n, 0n]);
    expect(await found(6n, 10_000n, 0n, 1n)).toEqual([undefined, 0n]);
    await journal.close();
  });
}

function dropping(makeHome: () => Promise<JournalHome>): void {
  test("what is trimmed is gone, before and after it is opened again, and the rest is there", async () => {
    const home = await makeHome();
    let journal = await home.open();
    for (let seq = 1n; seq <= 4n; seq += 1n) {
      await write(journal, put(`${seq}`, seq), change(seq), recorded(`id ${seq}`, seq));
      await write(journal, checkpoint(seq));
    }
    await journal.trimDataset(DATASET, 3n, 2n);
    await journal.trimDataset(DATASET, 3n, 2n);
    for (let round = 0; round < 2; round += 1) {
      const { changes, checkpoints } = await read(journal, {
        datasetId: DATASET,
        kind: "changes",
        afterSeq: 3n,
        afterCheckpoint: 0n,
        maxBytes: 10_000,
      });
      expect(changes.map(({ seq }) => seq)).toEqual([4n]);
      expect(checkpoints.map(({ seq }) => seq)).toEqual([3n, 4n]);
      const idempotencyKeys = ["id 1", "id 2", "id 3"];
      const records = await read(journal, { datasetId: DATASET, kind: "records", idempotencyKeys });
      expect(records.map((record) => record !== undefined)).toEqual([false, false, true]);
      const rows = await read(journal, {
        datasetId: DATASET,
        kind: "rows",
        keys: [bytesOf("1")],
      });
      expect(rows).toEqual([row("1", 1n)]);
      await journal.close();
      journal = await home.open();
    }
    await journal.close();
  });

  test("what is dropped leaves nothing of its dataset, and other datasets alone", async () => {
    const journal = await (await makeHome()).open();
    const other = { ...put("a", 1n), datasetId: 8n };
    await write(journal, put("a", 1n), change(1n), recorded("id", 1n), checkpoint(1n), other);
    expect(await journal.datasetIds()).toEqual([7n, 8n]);
    await journal.dropDataset(DATASET);
    expect(await journal.datasetIds()).toEqual([8n]);
    const keys = [bytesOf("a")];
    expect(await read(journal, { datasetId: DATASET, kind: "rows", keys })).toEqual([undefined]);
    expect(await read(journal, { datasetId: 8n, kind: "rows", keys })).toEqual([row("a", 1n)]);
    await journal.close();
  });
}
