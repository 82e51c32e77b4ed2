import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import { JournalOpenError } from "../journal.ts";
import { batch } from "../test-records.ts";
import {
  BATCHES,
  compacted,
  compactTo,
  damage,
  FLOOR,
  flip,
  SMALL_SEGMENTS,
  SNAPSHOT,
  snapshotInto,
  snapshotOf,
  steps,
  written,
} from "./compaction-fixture.ts";
import { compactionLimits } from "./compactor.ts";
import { encodeBatch } from "./encoding.ts";
import { sourceLimits } from "./source-batches.ts";
import { Store } from "./store.ts";
import {
  appendTo,
  changed,
  type Image,
  imageOf,
  indexAll,
  inFolder,
  recordsOf,
} from "./store-fixture.ts";

const DATABASE = "journal.db";
const LOG = "journal.db-wal";
const MARK = "mark";

test("killed after any step of snapshot and compaction, it opens with all that is not dropped [REC-13]", () => {
  const bases = new Set<bigint>();
  for (const [at, image] of steps.entries()) {
    inFolder(image, (folder) => {
      let store = new Store({ folder });
      const { base, floor, snapshot, tail } = store.state();
      bases.add(base);
      expect(recordsOf(store), `step ${at}`).toEqual(written.slice(Number(base)));
      expect(base <= (snapshot ?? 0n) && base <= floor && tail === BigInt(3 * BATCHES)).toBe(true);
      expect(snapshotOf(store)).toBe(snapshot === undefined ? undefined : String(snapshot));
      // It goes on, finishes what was begun, and comes to the same.
      appendTo(store, batch(tail + 1n));
      snapshotInto(store, SNAPSHOT);
      compactTo(store, FLOOR);
      store.abandon();
      store = new Store({ folder });
      expect(store.state()).toMatchObject({ base: FLOOR, floor: FLOOR, snapshot: SNAPSHOT });
      expect(recordsOf(store).slice(0, -1)).toEqual(written.slice(Number(FLOOR)));
      store.close();
    });
  }
  expect([...bases].length).toBeGreaterThan(2);
});

test("a step does no more than its limits, so that appends go on between them", () => {
  inFolder(steps.at(10) as Image, (folder) => {
    const store = new Store({ folder, indexLimits: SMALL_SEGMENTS });
    indexAll(store);
    const reader = new DatabaseSync(`${folder}/${DATABASE}`, { readOnly: true });
    const count = (table: string) =>
      Number(reader.prepare(`SELECT count(*) AS found FROM ${table}`).get()?.found);
    const tables = ["batches", "segments", "snapshot_chunks"];
    const most = [
      sourceLimits.maxBatches,
      compactionLimits.segmentsPerStep,
      compactionLimits.chunksPerStep,
    ];
    const dropped = [0, 0, 0];
    snapshotInto(store, SNAPSHOT);
    store.beginCompaction(FLOOR);
    for (let done = false; !done; ) {
      const before = tables.map(count);
      done = store.compactStep();
      for (const [at, table] of tables.entries()) {
        const gone = (before[at] ?? 0) - count(table);
        expect(gone).toBeLessThanOrEqual(most[at] ?? 0);
        dropped[at] = Math.max(dropped[at] ?? 0, gone);
      }
    }
    expect(dropped.slice(0, 2)).toEqual(most.slice(0, 2));
    reader.close();
    store.abandon();
  });
});

test("one spoilt slot of a mark that a power loss took back does not make it look behind", () => {
  inFolder(compacted, (folder) => {
    const store = new Store({ folder });
    const end = 3n * BigInt(BATCHES);
    // Several batches under one mark, so that the older slot names none of them.
    const group = [1n, 4n, 7n].map((plus) => batch(end + plus, end + plus + 2n));
    store.append(group.map((one) => encodeBatch(one, FLOOR)));
    snapshotInto(store, end + 9n);
    store.beginCompaction(end + 9n);
    const syncedMark = imageOf(folder).get(MARK);
    appendTo(store, batch(end + 10n));
    while (!store.compactStep());
    expect(store.state().base).toBe(end + 6n);
    const image = changed(imageOf(folder), MARK, () => syncedMark);
    store.abandon();
    for (const slot of [0, 4096]) {
      const oneSlot = changed(image, MARK, (bytes) => bytes.fill(0xff, slot, slot + 96));
      inFolder(oneSlot, (place) => {
        const again = new Store({ folder: place });
        expect(again.state().tail).toBe(end + 10n);
        again.close();
      });
    }
  });
});

test("a flipped bit anywhere in a compacted journal with a snapshot is refused or harmless [REC-40]", () => {
  const length = compacted.get(DATABASE)?.length ?? 0;
  const outcomes = { refused: 0, harmless: 0 };
  for (let position = 0; position < length; position += 97) {
    const spoilt = changed(compacted, DATABASE, (bytes) => flip(bytes, position));
    inFolder(spoilt, (folder) => {
      try {
        const store = new Store({ folder });
        expect(store.state()).toMatchObject({ base: FLOOR, floor: FLOOR, snapshot: SNAPSHOT });
        expect(recordsOf(store), `position ${position}`).toEqual(written.slice(Number(FLOOR)));
        expect(snapshotOf(store)).toBe(String(SNAPSHOT));
        store.close();
        outcomes.harmless += 1;
      } catch (error) {
        if (!(error instanceof JournalOpenError)) throw error;
        outcomes.refused += 1;
      }
    });
  }
  expect(outcomes.refused).toBeGreaterThan(0);
});

test.each([
  ["a byte of a chunk", (text: string) => text.replace("part 3", "part 4"), "chunk 4"],
  ["a byte of the first chunk", (text: string) => text.replace("part 0", "part 9"), "chunk 1"],
])(
  "%s that changed is refused, naming file, revision and what to do [REC-40] [REC-41]",
  (_, change, chunk) => {
    const spoilt = changed(compacted, DATABASE, (bytes) => {
      const text = `state of ${SNAPSHOT}`;
      for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) {
        const before = bytes.toString("latin1", at, at + text.length + 10);
        if (change(before) !== before) {
          bytes.write(change(before), at, "latin1");
          return bytes;
        }
      }
      throw new Error("there is no such chunk");
    });
    inFolder(spoilt, (folder) => {
      expect(() => new Store({ folder })).toThrow(
        expect.objectContaining({
          problem: "DAMAGED",
          message: expect.stringMatching(
            new RegExp(
              `journal\\.db is damaged: the snapshot of revision ${SNAPSHOT} .*${chunk} is not what was written.*restore a backup`,
            ),
          ),
        }),
      );
      expect(
        imageOf(folder)
          .get(DATABASE)
          ?.equals(spoilt.get(DATABASE) ?? Buffer.alloc(0)),
      ).toBe(true);
    });
  },
);

test.each([
  ["without its snapshot", "DELETE FROM snapshot", "no snapshot"],
  [
    "without a chunk",
    "DELETE FROM snapshot_chunks WHERE number = (SELECT max(number) FROM snapshot_chunks)",
    "chunk 5 is missing",
  ],
  [
    "with chunks changed round",
    "UPDATE snapshot_chunks SET bytes = (SELECT bytes FROM snapshot_chunks ORDER BY number LIMIT 1)",
    "chunk 2 is not",
  ],
  [
    "with a snapshot said to be of another revision",
    "UPDATE snapshot SET revision = revision + 1",
    "snapshot of revision",
  ],
  ["with a snapshot above its end", "UPDATE snapshot SET revision = 100000", "snapshot"],
  ["without its base", "DELETE FROM base", "is not what was written"],
  ["with a base moved", "UPDATE base SET revision = revision - 1", "base of the chain"],
  ["with another floor", "UPDATE base SET floor = floor + 1", "base of the chain"],
  [
    "without its first batch",
    "DELETE FROM batches WHERE last_revision = (SELECT min(last_revision) FROM batches)",
    "is not what was written",
  ],
  ["with a segment moved", "UPDATE segments SET first_revision = first_revision - 1", "index of"],
  ["with a segment that changed", "UPDATE segments SET body = zeroblob(100)", "index of"],
])("a compacted journal %s is refused [REC-40]", (_, sql, says) => {
  inFolder(compacted, (folder) => {
    damage(folder, sql);
    expect(() => new Store({ folder })).toThrow(
      expect.objectContaining({ problem: "DAMAGED", message: expect.stringContaining(says) }),
    );
  });
});

test("a log that is cut in the middle of snapshot or compaction loses nothing acknowledged [REC-2]", () => {
  const killed = steps.at(-2) as Image;
  const length = killed.get(LOG)?.length ?? 0;
  expect(length).toBeGreaterThan(0);
  let opened = 0;
  for (let cut = 0; cut < length; cut += 4_120 * 7 + 13) {
    inFolder(
      changed(killed, LOG, (bytes) => bytes.subarray(0, cut)),
      (folder) => {
        try {
          const store = new Store({ folder });
          expect(recordsOf(store).at(-1)).toEqual(written.at(-1));
          expect(recordsOf(store)).toEqual(written.slice(Number(store.state().base)));
          store.close();
          opened += 1;
        } catch (error) {
          // The last batch itself was cut off: the mark tells.
          expect(error).toMatchObject({ problem: "BEHIND_MARK" });
        }
      },
    );
  }
  expect(opened).toBeGreaterThan(0);
});

test("a batch that was damaged since the start is not dropped unseen [REC-40]", () => {
  inFolder(steps[0] as Image, (folder) => {
    const store = new Store({ folder });
    damage(folder, "UPDATE batches SET body = zeroblob(length(body)) WHERE first_revision = 100");
    snapshotInto(store, SNAPSHOT);
    expect(() => compactTo(store, FLOOR)).toThrow("revisions 100 to 102");
    store.abandon();
    expect(() => new Store({ folder })).toThrow("revisions 100 to 102");
  });
});

test("a chunk that was damaged since the start is not read as if it were good [REC-40]", () => {
  for (const [sql, says] of [
    [
      "UPDATE snapshot_chunks SET bytes = x'00' WHERE number = (SELECT max(number) FROM snapshot_chunks) - 2",
      "chunk 3",
    ],
    [
      "UPDATE snapshot_chunks SET bytes = x'00' WHERE number = (SELECT min(number) FROM snapshot_chunks)",
      "chunk 1",
    ],
    [
      "DELETE FROM snapshot_chunks WHERE number = (SELECT max(number) FROM snapshot_chunks)",
      "chunk 5",
    ],
    ["UPDATE snapshot SET epoch = epoch + 1", "not what was written"],
  ] as const) {
    inFolder(compacted, (folder) => {
      const store = new Store({ folder });
      damage(folder, sql);
      expect(() => snapshotOf(store)).toThrow(says);
      store.abandon();
    });
  }
});

test("nothing is dropped before the first batch of a new lineage", () => {
  inFolder(steps.at(-6) as Image, (folder) => {
    const before = imageOf(folder).get(MARK);
    const store = new Store({ folder, newLineage: { revision: 1_000_000n, epoch: 9n } });
    const { base } = store.state();
    compactTo(store, SNAPSHOT);
    expect(store.state().base).toBe(base);
    expect(imageOf(folder).get(MARK)).toEqual(before);
    store.close();
  });
});
