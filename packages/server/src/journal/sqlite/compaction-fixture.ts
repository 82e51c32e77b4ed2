import { DatabaseSync } from "node:sqlite";
import { expect } from "vitest";
import { batch, plain } from "../test-records.ts";
import { sourceLimits } from "./source-batches.ts";
import { Store } from "./store.ts";
import { appendTo, type Image, imageOf, inFolder, smallSegments } from "./store-fixture.ts";

const DATABASE = "journal.db";

/** Enough for every step to have a part of the work. */
export const BATCHES = sourceLimits.maxBatches + 10;
/** What the snapshot is of. */
export const SNAPSHOT = BigInt(3 * (BATCHES - 2));
/** Up to where it is compacted. */
export const FLOOR = BigInt(3 * (BATCHES - 4));

/** Segments so small that a compaction drops many and ends inside the last. */
export const SMALL_SEGMENTS = smallSegments((3 * BATCHES) / 19);

function makeBatches(count: number) {
  return Array.from({ length: count }, (_, index) => {
    const first = BigInt(index) * 3n + 1n;
    return batch(first, first + 2n);
  });
}

/** All records there ever were. */
export const written = makeBatches(BATCHES).flatMap(({ records }) => records.map(plain));

/** Writes a snapshot of several chunks, calling `onStep` after each write. */
export function snapshotInto(
  store: Store,
  revision: bigint,
  onStep: () => void = () => undefined,
): void {
  while (!store.beginSnapshot()) onStep();
  for (let chunk = 0; chunk < 5; chunk += 1) {
    store.addChunk(Buffer.from(`state of ${revision}, part ${chunk};`.repeat(300)));
    onStep();
  }
  store.endSnapshot({ revision, epoch: 1n });
  onStep();
}

/** Compacts, calling `onStep` after each step. */
export function compactTo(store: Store, floor: bigint, onStep: () => void = () => undefined): void {
  store.beginCompaction(floor);
  onStep();
  for (let done = false; !done; onStep()) done = store.compactStep();
}

/** What the snapshot of a store says that it is of, from its own bytes. */
export function snapshotOf(store: Store): string | undefined {
  const head = store.snapshotHead();
  if (head === undefined) return undefined;
  const chunks: Buffer[] = [];
  for (let number = 0n; number < head.chunks; number += 1n) {
    chunks.push(Buffer.from(store.readChunk(head.firstChunk + number, head.firstChunk) ?? []));
  }
  const text = Buffer.concat(chunks).toString("latin1");
  const expected = [0, 1, 2, 3, 4].map((chunk) =>
    `state of ${head.revision}, part ${chunk};`.repeat(300),
  );
  expect(text).toBe(expected.join(""));
  return String(head.revision);
}

/** Everything between a journal without a snapshot and one that was compacted, as images of a kill. */
export const steps: Image[] = inFolder(new Map(), (folder) => {
  const images: Image[] = [];
  const keep = () => images.push(imageOf(folder));
  const store = new Store({ folder, indexLimits: SMALL_SEGMENTS });
  appendTo(store, ...makeBatches(BATCHES));
  for (; store.isIndexDue; keep()) store.indexStep();
  snapshotInto(store, SNAPSHOT - 3n, keep);
  snapshotInto(store, SNAPSHOT, keep);
  compactTo(store, FLOOR, keep);
  store.close();
  keep();
  return images;
});
/** The last of them, closed in good order. */
export const compacted = steps.at(-1) as Image;

/** Changes a database behind the back of whoever has it open. */
export function damage(folder: string, sql: string): void {
  const database = new DatabaseSync(`${folder}/${DATABASE}`);
  database.exec(sql);
  database.close();
}

/** Flips one bit. */
export function flip(bytes: Buffer, position: number): Buffer {
  bytes[position] = (bytes[position] ?? 0) ^ (1 << (position % 8));
  return bytes;
}
