import { expect, test } from "vitest";
import { JournalOpenError } from "../journal.ts";
import { batch, plain } from "../test-records.ts";
import { Store } from "./store.ts";
import {
  appendTo,
  changed,
  closedAfter,
  type Image,
  imageOf,
  inFolder,
  killedAfter,
  recordsOf,
  recordsUpTo,
} from "./store-fixture.ts";

const DATABASE = "journal.db";
const LOG = "journal.db-wal";
const MARK = "mark";
const LOG_HEADER = 32;
const FRAME = 24 + 4096;
const BATCHES = 14;

const [before, image] = killedAfter(BATCHES - 1, BATCHES) as [Image, Image];
const closed = closedAfter(BATCHES);
const acknowledged = recordsUpTo(BATCHES);

test("a journal whose process was killed opens with everything", () => {
  expect(outcomeOf(image)).toEqual({ records: acknowledged, notices: [] });
});

// Primes, so that all kinds of places are met; one bit of every byte was tried when this was written.
test.each<[string, string, Image, number]>([
  [DATABASE, "was killed", image, 541],
  [LOG, "was killed", image, 397],
  [DATABASE, "was closed", closed, 211],
])(
  "a flipped bit anywhere in %s of a journal that %s is refused or harmless",
  (name, _, files, step) => {
    let refused = 0;
    const length = files.get(name)?.length ?? 0;
    for (let position = 0; position < length; position += step) {
      const outcome = outcomeOf(changed(files, name, (bytes) => flip(bytes, position)));
      if ("problem" in outcome) refused += 1;
      else expect(outcome.records, `position ${position}`).toEqual(acknowledged);
    }
    expect(refused).toBeGreaterThan(0);
  },
);

test("a flipped bit in any frame of the log is refused [REC-40]", () => {
  const length = image.get(LOG)?.length ?? 0;
  expect(length).toBeGreaterThan(LOG_HEADER + 7 * FRAME);
  for (let frame = LOG_HEADER; frame < length; frame += FRAME) {
    for (const inside of [0, 5, 8, 17, 24, FRAME - 1]) {
      const outcome = outcomeOf(changed(image, LOG, (bytes) => flip(bytes, frame + inside)));
      expect(outcome, `frame at ${frame}, byte ${inside}`).toHaveProperty("problem");
    }
  }
});

test("a changed record is refused with the file, the revision and what to do [REC-40]", () => {
  const outcome = outcomeOf(changed(closed, DATABASE, (bytes) => flip(bytes, placeOf("event 5"))));
  expect(outcome).toMatchObject({ problem: "DAMAGED" });
  expect(outcome).toHaveProperty("message", expect.stringContaining(DATABASE));
  expect(outcome).toHaveProperty("message", expect.stringContaining("revisions 4 to 6"));
  expect(outcome).toHaveProperty("message", expect.stringContaining("restore a backup"));
});

test("an index that is not what was written is refused with its revisions [REC-40]", () => {
  const places = placesOf("key/5");
  const says = ["the batch with revisions 4 to 6", "the index of revisions 1 to 12"];
  const found = places.map((place) =>
    outcomeOf(changed(closed, DATABASE, (bytes) => flip(bytes, place + 4))),
  );
  expect(found).toEqual(
    expect.arrayContaining(
      says.map((what) => ({ problem: "DAMAGED", message: expect.stringContaining(what) })),
    ),
  );
  expect(found).toHaveLength(says.length);
});

test("a log whose damaged commit is followed by others is refused even when the mark is older [REC-40]", () => {
  const [older] = killedAfter(7) as [Image];
  const powerLoss = changed(image, MARK, () => older.get(MARK));
  expect(outcomeOf(powerLoss)).toEqual({ records: acknowledged, notices: [] });
  const middle = LOG_HEADER + 4 * FRAME + 100;
  const outcome = outcomeOf(changed(powerLoss, LOG, (bytes) => flip(bytes, middle)));
  expect(outcome).toMatchObject({
    problem: "DAMAGED",
    message: expect.stringContaining("frame 5"),
  });
});

test("a last write that was torn before it was acknowledged is dropped and told [REC-42, REC-3]", () => {
  const grown = image.get(LOG)?.length ?? 0;
  const start = before.get(LOG)?.length ?? 0;
  expect(grown).toBeGreaterThan(start);
  const unacknowledged = changed(image, MARK, () => before.get(MARK));
  for (let cut = start + 1; cut < grown; cut += 501) {
    const torn = outcomeOf(changed(unacknowledged, LOG, (bytes) => bytes.subarray(0, cut)));
    expect(torn).toMatchObject({ records: recordsUpTo(BATCHES - 1) });
    const notices = "notices" in torn ? torn.notices : [];
    // Of a frame of which only a few bytes are there, nobody can tell what it was.
    if (cut >= start + 16) expect(notices).toEqual([expect.stringContaining("dropped")]);
  }
  const garbled = outcomeOf(
    changed(unacknowledged, LOG, (bytes) => bytes.fill(7, grown - FRAME / 2)),
  );
  expect(garbled).toMatchObject({ records: recordsUpTo(BATCHES - 1) });
});

test("the same cut is refused when the last write had been acknowledged [REC-40]", () => {
  const grown = image.get(LOG)?.length ?? 0;
  for (let cut = 0; cut < grown; cut += 1999) {
    const outcome = outcomeOf(changed(image, LOG, (bytes) => bytes.subarray(0, cut)));
    expect(outcome, `cut at ${cut}`).toMatchObject({ problem: "BEHIND_MARK" });
  }
});

test.each<[string, string, (bytes: Buffer) => Buffer | undefined]>([
  ["BEHIND_MARK", LOG, () => undefined],
  ["DAMAGED", LOG, (bytes) => bytes.fill(1, 0, LOG_HEADER)],
  ["DAMAGED", DATABASE, () => undefined],
  ["DAMAGED", DATABASE, () => Buffer.alloc(0)],
  ["DAMAGED", DATABASE, () => Buffer.alloc(8192, "no database")],
  ["MARK_MISSING", MARK, () => undefined],
  ["MARK_MISSING", MARK, () => Buffer.alloc(0)],
  ["MARK_MISSING", MARK, (bytes) => bytes.fill(1)],
  ["NEWER_FORMAT", DATABASE, (bytes) => withFormat(bytes, 5)],
  ["OLDER_FORMAT", DATABASE, (bytes) => withFormat(bytes, 3)],
  ["OLDER_FORMAT", DATABASE, (bytes) => withFormat(bytes, 2)],
  ["OLDER_FORMAT", DATABASE, (bytes) => withFormat(bytes, 1)],
  ["DAMAGED", DATABASE, (bytes) => withFormat(bytes, 0)],
  // The format version of SQLite's own header: it would read such a file but not write to it.
  ["DAMAGED", DATABASE, (bytes) => flip(bytes, 18)],
])("it is %s when %s is not what it was (%#) [REC-40, REC-30, REC-44]", (problem, name, change) => {
  const outcome = outcomeOf(changed(image, name, change));
  expect(outcome).toMatchObject({ problem, message: expect.stringContaining(name) });
});

test("a journal without database and log is behind its mark", () => {
  const marked = changed(
    changed(image, LOG, () => undefined),
    DATABASE,
    () => undefined,
  );
  expect(outcomeOf(marked)).toMatchObject({ problem: "BEHIND_MARK" });
});

test("an older copy of the database is behind the mark, however it went on [REC-30]", () => {
  const [older] = killedAfter(8) as [Image];
  expect(outcomeOf(changed(older, MARK, () => image.get(MARK)))).toMatchObject({
    problem: "BEHIND_MARK",
    message: expect.stringContaining("revision 42"),
  });
  const other = inFolder(older, (folder) => {
    const store = new Store({ folder });
    appendTo(store, batch(25n, 100n));
    store.abandon();
    return imageOf(folder);
  });
  expect(outcomeOf(changed(other, MARK, () => image.get(MARK)))).toMatchObject({
    problem: "BEHIND_MARK",
  });
});

test("one spoilt slot of the mark is made good by the other", () => {
  for (const slot of [0, 4096]) {
    const spoilt = changed(image, MARK, (bytes) => bytes.fill(1, slot, slot + 96));
    expect(outcomeOf(spoilt)).toEqual({ records: acknowledged, notices: [] });
  }
});

test("a refused journal is left as it was [REC-41]", () => {
  const cut = changed(image, LOG, (bytes) => bytes.subarray(0, 3 * FRAME));
  inFolder(cut, (folder) => {
    expect(() => new Store({ folder })).toThrow(JournalOpenError);
    expect(imageOf(folder)).toEqual(cut);
  });
});

test("a creation that was cut off starts again", () => {
  inFolder(new Map([[DATABASE, Buffer.alloc(0)]]), (folder) => {
    const store = new Store({ folder });
    appendTo(store, batch(1n));
    store.close();
    const again = new Store({ folder });
    expect(again.state().tail).toBe(1n);
    again.close();
  });
});

test("a new lineage is accepted without the end, above everything the mark shows [REC-31]", () => {
  const [older] = killedAfter(8) as [Image];
  const marks: [Image, bigint][] = [
    [changed(older, MARK, () => image.get(MARK)), 42n],
    [changed(older, MARK, () => undefined), 24n],
    [changed(older, MARK, () => spoilChecksums(image.get(MARK))), 42n],
  ];
  for (const [restored, highest] of marks) {
    inFolder(restored, (folder) => {
      let store = new Store({ folder, newLineage: { revision: 1n, epoch: 1n } });
      expect(store.state()).toMatchObject({ tail: 24n, floor: highest });
      expect(store.state().highest).toEqual({ revision: highest, epoch: 1n });
      store.close();
      // Without a batch nothing has changed: the same revisions cannot be given twice.
      expect(() => new Store({ folder })).toThrow(JournalOpenError);
      store = new Store({ folder, newLineage: { revision: 1n, epoch: 1n } });
      const first = batch(highest + 1n, highest + 1n, 2n);
      appendTo(store, first);
      store.abandon();
      store = new Store({ folder });
      expect(store.state()).toMatchObject({ tail: highest + 1n, epoch: 2n, floor: highest });
      expect(recordsOf(store)).toEqual([...recordsUpTo(8), ...first.records.map(plain)]);
      store.close();
    });
  }
});

test("a new lineage of a damaged journal is refused all the same [REC-43]", () => {
  const newLineage = { revision: 1000n, epoch: 10n };
  inFolder(
    changed(closed, DATABASE, (bytes) => flip(bytes, placeOf("event 5"))),
    (folder) => {
      expect(() => new Store({ folder, newLineage })).toThrow("damaged");
    },
  );
});

function placesOf(text: string): number[] {
  const database = closed.get(DATABASE) ?? Buffer.alloc(0);
  const places: number[] = [];
  for (let at = database.indexOf(text); at >= 0; at = database.indexOf(text, at + 1))
    places.push(at);
  return places;
}

function placeOf(text: string): number {
  return placesOf(text)[0] ?? -1;
}

/** What opening an image comes to; a journal that opens must also go on. */
function outcomeOf(files: Image) {
  return inFolder(files, (folder) => {
    try {
      const store = new Store({ folder });
      const records = recordsOf(store);
      const { notices } = store;
      const next = store.state().tail + 1n;
      appendTo(store, batch(next));
      store.close();
      const again = new Store({ folder });
      expect(recordsOf(again)).toEqual([...records, ...batch(next).records.map(plain)]);
      again.close();
      return { records, notices };
    } catch (error) {
      if (!(error instanceof JournalOpenError)) throw error;
      return { problem: error.problem, message: error.message };
    }
  });
}

function flip(bytes: Buffer, position: number): Buffer {
  bytes[position] = (bytes[position] ?? 0) ^ (1 << (position % 8));
  return bytes;
}

function withFormat(bytes: Buffer, format: number): Buffer {
  bytes.writeUInt32BE(format, 60);
  return bytes;
}

function spoilChecksums(mark: Buffer | undefined): Buffer {
  const bytes = Buffer.from(mark ?? []);
  for (const checksum of [64, 4096 + 64]) flip(bytes, checksum);
  return bytes;
}
