import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";
import type { JournalBatch } from "../journal.ts";
import { batch, plain, record } from "../test-records.ts";
import { encodeBatch } from "./encoding.ts";
import { checkpointLimits, Store } from "./store.ts";
import { appendTo, changed, imageOf, inFolder, recordsOf } from "./store-fixture.ts";

const LOG = "journal.db-wal";
const RECORD_BYTES = 1024 * 1024;

test("the log is moved into the database when it has grown: early when idle, later in any case", () => {
  for (const [idle, limit] of [
    [true, checkpointLimits.whenIdleBytes],
    [false, checkpointLimits.alwaysBytes],
  ] as const) {
    inFolder(new Map(), (folder) => {
      const store = new Store({ folder });
      const needed = limit / RECORD_BYTES;
      for (let count = 1; count < needed; count += 1) {
        appendTo(store, large(count));
        store.checkpointIfDue(idle);
      }
      const small = databaseLength(folder);
      expect(small).toBeLessThan(RECORD_BYTES);
      appendTo(store, large(needed));
      store.checkpointIfDue(idle);
      expect(databaseLength(folder)).toBeGreaterThan(limit);
      store.close();
    });
  }
});

test("the frames an earlier round left in the log are told from the present ones", () => {
  const { image, older, acknowledged } = afterSecondRound();
  expect(image.get(LOG)?.length).toBe(older.get(LOG)?.length);
  inFolder(image, (folder) => {
    const store = new Store({ folder });
    expect(store.notices).toEqual([]);
    expect(recordsOf(store).map(({ revision }) => revision)).toEqual(acknowledged);
    store.close();
  });
});

test("a torn last write over the frames of an earlier round is dropped, if not acknowledged", () => {
  const { image, older, acknowledged } = afterSecondRound();
  const lastFrame = endOfDifference(image.get(LOG), older.get(LOG));
  const torn = changed(image, LOG, (bytes) => bytes.fill(0, lastFrame - 50, lastFrame));
  inFolder(torn, (folder) => expect(() => new Store({ folder })).toThrow("acknowledged"));
  inFolder(
    changed(torn, "mark", () => older.get("mark")),
    (folder) => {
      const store = new Store({ folder });
      expect(store.notices).toEqual([expect.stringContaining("dropped")]);
      expect(recordsOf(store).map(({ revision }) => revision)).toEqual(acknowledged.slice(0, -1));
      store.close();
    },
  );
});

test("batches that are made durable together keep a link of the chain each", () => {
  inFolder(new Map(), (folder) => {
    const store = new Store({ folder });
    appendTo(store, batch(1n, 2n));
    store.append([encodeBatch(batch(3n), 0n), encodeBatch(batch(4n, 6n), 0n)]);
    store.close();
    const database = new DatabaseSync(join(folder, "journal.db"), { readOnly: true });
    const links = database.prepare("SELECT DISTINCT chain FROM batches").all();
    database.close();
    expect(links).toHaveLength(3);
    const again = new Store({ folder });
    expect(recordsOf(again)).toEqual(batch(1n, 6n).records.map(plain));
    again.close();
  });
});

/** A journal killed after its log was moved into the database and begun anew with three batches. */
function afterSecondRound() {
  return inFolder(new Map(), (folder) => {
    const store = new Store({ folder });
    const first = checkpointLimits.whenIdleBytes / RECORD_BYTES;
    for (let count = 1; count <= first; count += 1) appendTo(store, large(count));
    store.checkpointIfDue(true);
    const next = BigInt(first) + 1n;
    appendTo(store, batch(next), batch(next + 1n));
    const older = imageOf(folder);
    appendTo(store, batch(next + 2n));
    const image = imageOf(folder);
    store.abandon();
    const acknowledged = Array.from({ length: first + 3 }, (_, index) => BigInt(index + 1));
    return { image, older, acknowledged };
  });
}

function large(revision: number): JournalBatch {
  const bytes = new Uint8Array(RECORD_BYTES).fill(revision);
  return { epoch: 1n, records: [{ ...record(BigInt(revision)), bytes }] };
}

function databaseLength(folder: string): number {
  return imageOf(folder).get("journal.db")?.length ?? 0;
}

/** The end of the last bytes in which two files of one length differ. */
function endOfDifference(a: Buffer | undefined, b: Buffer | undefined): number {
  let at = a?.length ?? 0;
  while (at > 0 && a?.[at - 1] === b?.[at - 1]) at -= 1;
  return at;
}
