import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { batch, plain } from "../test-records.ts";
import { COPY_ATTEMPTS, type CopiedJournal, copyJournal } from "./copy-journal.ts";
import { encodeBatch } from "./encoding.ts";
import { journalFiles } from "./files.ts";
import { readMark } from "./mark.ts";
import { sourceLimits } from "./source-batches.ts";
import { Store } from "./store.ts";
import { type Image, imageOf, inFolder, recordsOf } from "./store-fixture.ts";

const NOTHING: Image = new Map();
const FIRST_PAGE = BigInt(sourceLimits.maxBatches);

/** Appends batches of one record each, all durable together. */
function appendUpTo(store: Store, last: bigint): void {
  const encoded: Uint8Array[] = [];
  for (let revision = store.state().tail + 1n; revision <= last; revision += 1n) {
    encoded.push(encodeBatch(batch(revision), 0n));
  }
  store.append(encoded);
}

function snapshotAndCompact(store: Store, revision: bigint): void {
  while (!store.beginSnapshot());
  for (const part of ["a", "b", "c"]) store.addChunk(Buffer.from(`${part} of ${revision}`));
  store.endSnapshot({ revision, epoch: 1n });
  store.beginCompaction(revision);
  while (!store.compactStep());
}

/** Copies between two folders while `onProgress` runs, and opens the copy. */
function copied(
  folder: string,
  onProgress: (revision: bigint) => void,
  check: (copy: Store, told: CopiedJournal) => void,
): void {
  inFolder(NOTHING, (place) => {
    const { mark } = readMark(journalFiles(folder).mark);
    const told = copyJournal(journalFiles(folder), journalFiles(place), {
      mark,
      isUnused: false,
      onProgress,
    });
    expect([...imageOf(place).keys()]).toEqual(["journal.db"]);
    const newLineage = { revision: 1n, epoch: 1n };
    const copy = new Store({ folder: place, newLineage });
    check(copy, told);
    copy.abandon();
  });
}

test("a copy made while the journal grows holds what was durable when it began", () => {
  inFolder(NOTHING, (folder) => {
    const store = new Store({ folder });
    appendUpTo(store, 3n * FIRST_PAGE);
    const grow = () => appendUpTo(store, store.state().tail + 5n);
    copied(folder, grow, (copy, told) => {
      expect(told).toMatchObject({ end: { revision: 3n * FIRST_PAGE }, holdsMark: true });
      expect(recordsOf(copy)).toEqual(batch(1n, 3n * FIRST_PAGE).records.map(plain));
    });
    store.close();
  });
});

test("a copy that is overtaken by compaction begins anew, with the snapshot", () => {
  inFolder(NOTHING, (folder) => {
    const store = new Store({ folder });
    appendUpTo(store, 3n * FIRST_PAGE);
    let times = 0;
    const compactOnce = () => {
      times += 1;
      if (times === 1) snapshotAndCompact(store, 2n * FIRST_PAGE);
    };
    copied(folder, compactOnce, (copy) => {
      expect(copy.state()).toMatchObject({ base: 2n * FIRST_PAGE, snapshot: 2n * FIRST_PAGE });
      const kept = batch(2n * FIRST_PAGE + 1n, 3n * FIRST_PAGE).records.map(plain);
      expect(recordsOf(copy)).toEqual(kept);
      const firstChunk = copy.snapshotHead()?.firstChunk ?? 0n;
      const chunks = [0n, 1n, 2n].map((at) => copy.readChunk(firstChunk + at, firstChunk));
      expect(chunks.map((chunk) => Buffer.from(chunk ?? []).toString())).toEqual(
        ["a", "b", "c"].map((part) => `${part} of ${2n * FIRST_PAGE}`),
      );
    });
    store.close();
  });
});

test("a copy that is overtaken again and again ends all the same", () => {
  inFolder(NOTHING, (folder) => {
    const store = new Store({ folder });
    appendUpTo(store, 3n * FIRST_PAGE);
    let overtaken = 0;
    const compactAlways = (revision: bigint) => {
      const { base, tail } = store.state();
      if (revision > base + FIRST_PAGE) return;
      overtaken += 1;
      appendUpTo(store, tail + 2n * FIRST_PAGE);
      snapshotAndCompact(store, tail);
    };
    copied(folder, compactAlways, (copy, told) => {
      expect(overtaken).toBeGreaterThanOrEqual(COPY_ATTEMPTS);
      expect(copy.state().tail).toBe(told.end.revision);
    });
    store.close();
  });
});

test("a copy says when the batch of the mark is not in it", () => {
  inFolder(NOTHING, (folder) => {
    const store = new Store({ folder });
    appendUpTo(store, 10n);
    store.close();
    inFolder(NOTHING, (place) => {
      const mark = { revision: 10n, epoch: 1n, chain: new Uint8Array(32) };
      const options = { mark, isUnused: true };
      const told = copyJournal(journalFiles(folder), journalFiles(place), options);
      expect(told.holdsMark).toBe(false);
    });
  });
});

test.each([
  [
    "a batch that changed",
    "UPDATE batches SET body = zeroblob(length(body)) WHERE last_revision = 5",
    "revisions 5 to 5",
  ],
  [
    "a batch that says it is another",
    "UPDATE batches SET epoch = 7 WHERE last_revision = 5",
    "revisions 5 to 5",
  ],
  ["a batch that is missing", "DELETE FROM batches WHERE last_revision = 5", "revisions 6 to 6"],
  ["a chunk that changed", "UPDATE snapshot_chunks SET bytes = x'00'", "snapshot of revision 3"],
  ["a chunk that is missing", "DELETE FROM snapshot_chunks", "snapshot of revision 3"],
  ["a base that changed", "UPDATE base SET epoch = 7", "base of the chain"],
])("%s is found on the way", (_, sql, says) => {
  inFolder(NOTHING, (folder) => {
    const store = new Store({ folder });
    appendUpTo(store, 10n);
    snapshotAndCompact(store, 3n);
    store.close();
    const database = new DatabaseSync(join(folder, "journal.db"));
    database.exec(sql);
    database.close();
    inFolder(NOTHING, (place) => {
      const options = { mark: undefined, isUnused: true };
      const copy = () => copyJournal(journalFiles(folder), journalFiles(place), options);
      expect(copy).toThrow(says);
    });
  });
});
