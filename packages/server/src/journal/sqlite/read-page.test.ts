import { DatabaseSync } from "node:sqlite";
import fc from "fast-check";
import { expect, test } from "vitest";
import type { JournalFilter, JournalRecord } from "../journal.ts";
import { plain, record } from "../test-records.ts";
import { decodeRecords, encodeBatch, encodeRecords } from "./encoding.ts";
import { type IndexLimits, indexLimits } from "./indexer.ts";
import { pageLimits } from "./read-page.ts";
import { Store } from "./store.ts";
import { indexAll, inFolder, recordsOf, smallSegments } from "./store-fixture.ts";

const UNLIMITED = { maxRecords: 1e6, maxBytes: 1e9 };
const KEYS = ["", "a", "a/1", "a/2", "b", "ä", "a/😀", "zz"];

/** Never indexed. */
const NO_SEGMENTS: IndexLimits = { ...indexLimits, eventsToGather: 1e9 };

/** Runs `use` on a store of its own. */
function withStore(limits: IndexLimits, use: (store: Store, folder: string) => void): void {
  inFolder(new Map(), (folder) => {
    const store = new Store({ folder, indexLimits: limits });
    try {
      use(store, folder);
    } finally {
      store.abandon();
    }
  });
}

/** Appends a record for each list of keys, so many in a batch. @returns the records */
function fill(store: Store, keys: readonly string[][], perBatch: number, bytes?: Uint8Array) {
  const first = store.state().highest.revision + 1n;
  const records: JournalRecord[] = keys.map((names, at) => {
    const plainRecord = record(first + BigInt(at), ...names);
    return bytes === undefined ? plainRecord : { ...plainRecord, bytes };
  });
  for (let at = 0; at < records.length; at += perBatch) {
    const { floor } = store.state();
    store.append([encodeBatch({ epoch: 1n, records: records.slice(at, at + perBatch) }, floor)]);
  }
  return records;
}

/** Everything a filter chooses, in pages of a limit, which must each get somewhere. */
function readAll(store: Store, filter: JournalFilter, maxRecords: number, after: bigint) {
  const found: JournalRecord[] = [];
  let pages = 0;
  for (let cursor = after; ; ) {
    const page = store.read(cursor, { maxRecords, maxBytes: 200 }, filter);
    expect(page.records.length).toBeLessThanOrEqual(maxRecords);
    found.push(...decodeRecords(encodeRecords(page.records)));
    pages += 1;
    if (!page.more) return { records: found.map(plain), pages };
    expect(page.scannedTo).toBeGreaterThan(cursor);
    cursor = page.scannedTo;
  }
}

function isChosen({ keys }: JournalRecord, filter: JournalFilter): boolean {
  if (filter.kind === "all") return true;
  if (filter.kind === "keys") return keys.some((key) => filter.keys.includes(key));
  return keys.some((key) => key.startsWith(filter.prefix));
}

const filters: fc.Arbitrary<JournalFilter> = fc.oneof(
  fc.subarray(KEYS).map((keys) => ({ kind: "keys" as const, keys })),
  fc.constantFrom(...KEYS, "a/", "absent").map((prefix) => ({ kind: "prefix" as const, prefix })),
);

test("what a filter chooses is what a scan of all events finds, however the index is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.subarray(KEYS), { minLength: 1, maxLength: 20 }), { maxLength: 12 }),
      fc.record({
        eventsPerSegment: fc.integer({ min: 1, max: 40 }),
        eventsToGather: fc.integer({ min: 1, max: 20 }),
        bytesPerSegment: fc.integer({ min: 1, max: 2_000 }),
      }),
      fc.record({
        indexed: fc.nat(12),
        lost: fc.nat(6),
        snapshot: fc.nat(250),
        floor: fc.nat(250),
      }),
      fc.array(fc.tuple(filters, fc.integer({ min: 1, max: 9 }), fc.nat(250)), { minLength: 1 }),
      (batches, limits, { indexed, lost, snapshot, floor }, reads) =>
        withStore(limits, (store, folder) => {
          const records = batches.flatMap((keys, at) => {
            const made = fill(store, keys, 7);
            if (at < indexed) indexAll(store);
            return made;
          });
          loseSegment(folder, lost);
          const base = compact(store, snapshot, floor);
          for (const [filter, maxRecords, after] of reads) {
            const from = BigInt(Math.min(after, records.length));
            const expected = records
              .filter((one) => one.revision > from && one.revision > base && isChosen(one, filter))
              .map(plain);
            expect(readAll(store, filter, maxRecords, from).records).toEqual(expected);
          }
        }),
    ),
    { numRuns: 40 },
  );
});

/** Takes away the segment that comes after so many others. */
function loseSegment(folder: string, skip: number): void {
  const database = new DatabaseSync(`${folder}/journal.db`);
  database
    .prepare(
      "DELETE FROM segments WHERE last_revision = (SELECT last_revision FROM segments ORDER BY 1 LIMIT 1 OFFSET ?)",
    )
    .run(skip);
  database.close();
}

/** Makes a snapshot and compacts, as far as there is something. @returns what was dropped */
function compact(store: Store, snapshot: number, floor: number): bigint {
  const { tail } = store.state();
  const revision = BigInt(Math.min(snapshot, Number(tail)));
  if (revision === 0n) return 0n;
  while (!store.beginSnapshot());
  store.addChunk(Buffer.from("state"));
  store.endSnapshot({ revision, epoch: 1n });
  store.beginCompaction(BigInt(Math.min(floor, Number(revision))));
  while (!store.compactStep());
  return store.state().base;
}

test("the index goes on over the end of a process and over what a new lineage skips", () => {
  inFolder(new Map(), (folder) => {
    const limits = smallSegments(10);
    const filter = { kind: "keys", keys: ["b"] } as const;
    let newLineage: { revision: bigint; epoch: bigint } | undefined;
    const expected: JournalRecord[] = [];
    for (const start of [1n, 24n, 10n ** 15n]) {
      newLineage = start > 100n ? { revision: start, epoch: 1n } : undefined;
      const store = new Store({ folder, indexLimits: limits, newLineage });
      expected.push(...fill(store, Array(23).fill(["a", "b"]), 2));
      indexAll(store);
      expect(recordsOf(store, filter)).toEqual(expected.map(plain));
      store.close();
    }
    expect(segmentsIn(folder)).toEqual([
      [1, 10],
      [11, 20],
      [21, 31],
      [32, 41],
      [42, 46],
      [1e15, 1e15 + 9],
      [1e15 + 10, 1e15 + 19],
    ]);
  });
});

function segmentsIn(folder: string): unknown[] {
  const database = new DatabaseSync(`${folder}/journal.db`);
  const rows = database.prepare("SELECT * FROM segments ORDER BY last_revision").all();
  database.close();
  return rows.map((row) => [row.first_revision, row.last_revision]);
}

test("a segment that was damaged since the start is not believed [REC-40]", () => {
  withStore(smallSegments(10), (store, folder) => {
    fill(store, Array(30).fill(["a"]), 5);
    indexAll(store);
    const database = new DatabaseSync(`${folder}/journal.db`);
    database.exec("UPDATE segments SET body = zeroblob(length(body)) WHERE first_revision = 11");
    database.close();
    const read = () => store.read(0n, UNLIMITED, { kind: "keys", keys: ["a"] });
    expect(read).toThrow("the index of revisions 11 to 20 is not what was written");
  });
});

test("a page that finds nothing in a long index ends all the same, and says how far it came", () => {
  const long = "k".repeat(500);
  withStore({ ...indexLimits, bytesPerSegment: 128 * 1024 }, (store) => {
    const keys = Array.from({ length: 12_000 }, (_, at) => [`${at}${long}`]);
    fill(store, keys, 1_000);
    indexAll(store);
    const filter = { kind: "keys", keys: ["absent"] } as const;
    const page = store.read(0n, UNLIMITED, filter);
    expect(page).toMatchObject({ records: [], more: true });
    // What it went through is about as long as the keys.
    const examined = Number(page.scannedTo) * long.length;
    expect(examined).toBeGreaterThan(pageLimits.maxExaminedBytes / 2);
    expect(examined).toBeLessThan(pageLimits.maxExaminedBytes * 1.5);
    expect(readAll(store, filter, 10, 0n)).toMatchObject({ records: [], pages: 2 });
  });
});

test("a page reads a bounded part of long batches, though it needs little of each", () => {
  withStore(smallSegments(8), (store) => {
    const keys = Array.from({ length: 80 }, (_, at) => [at % 8 === 3 ? "one" : "other"]);
    fill(store, keys, 8, new Uint8Array(128 * 1024));
    indexAll(store);
    const filter = { kind: "keys", keys: ["one"] } as const;
    const perPage = pageLimits.maxExaminedBytes / (1024 * 1024);
    for (const scan of [false, true]) {
      const after = scan ? 40n : 0n;
      const { records, more } = store.read(after, { maxRecords: 100, maxBytes: 1e9 }, filter);
      expect([records.length, more]).toEqual([perPage, true]);
    }
  });
});

test("what is not in the index yet is gone through in bounded pages", () => {
  withStore(NO_SEGMENTS, (store) => {
    const keys = Array.from({ length: 10_000 }, (_, at) => [at % 5_000 === 4_990 ? "in" : "out"]);
    const records = fill(store, keys, 100);
    const filter = { kind: "prefix", prefix: "in" } as const;
    const reached = BigInt(Math.ceil(pageLimits.maxScanned / 100) * 100);
    expect(store.read(0n, UNLIMITED, filter)).toEqual({
      records: [],
      scannedTo: reached,
      more: true,
    });
    const expected = records.filter(({ keys: [key] }) => key === "in").map(plain);
    expect(readAll(store, filter, 10, 0n)).toEqual({ records: expected, pages: 3 });
  });
});
