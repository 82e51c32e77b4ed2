import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { JournalBatch, JournalFilter } from "../journal.ts";
import { batch, plain } from "../test-records.ts";
import { decodeRecords, encodeBatch, encodeRecords } from "./encoding.ts";
import { type IndexLimits, indexLimits } from "./indexer.ts";
import { Store } from "./store.ts";

/** The files of a journal as a process that was killed leaves them. */
export type Image = Map<string, Buffer>;

/** Runs `use` in a folder of its own that holds the files of an image. */
export function inFolder<T>(image: Image, use: (folder: string) => T): T {
  const folder = mkdtempSync(join(tmpdir(), "lockstep-store-"));
  try {
    for (const [name, bytes] of image) writeFileSync(join(folder, name), bytes);
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/**
 * The files in a folder but the shared memory of SQLite, which the next process makes anew, and without
 * the room in the log, so that who spoils a part of it meets something.
 */
export function imageOf(folder: string): Image {
  const names = readdirSync(folder).filter((name) => !name.endsWith("-shm"));
  const image: Image = new Map(names.map((name) => [name, readFileSync(join(folder, name))]));
  const log = image.get("journal.db-wal");
  if (log !== undefined) image.set("journal.db-wal", withoutRoom(log));
  return image;
}

/** A log without what follows the last frame that has something in it. */
function withoutRoom(log: Buffer): Buffer {
  let end = log.length;
  while (end > LOG_HEADER && log[end - 1] === 0) end -= 1;
  const frames = Math.ceil((end - LOG_HEADER) / LOG_FRAME);
  return log.subarray(0, LOG_HEADER + frames * LOG_FRAME);
}

/** A copy of an image with one file changed, or without it. */
export function changed(
  image: Image,
  name: string,
  change: (bytes: Buffer) => Buffer | undefined,
): Image {
  const copy = new Map(image);
  const bytes = change(Buffer.from(copy.get(name) ?? Buffer.alloc(0)));
  if (bytes === undefined) copy.delete(name);
  else copy.set(name, bytes);
  return copy;
}

/** Appends batches one by one, as acknowledged. */
export function appendTo(store: Store, ...batches: readonly JournalBatch[]): void {
  for (const one of batches) store.append([encodeBatch(one, store.state().floor)]);
}

/** Cuts the index after so many events. */
export function smallSegments(eventsPerSegment: number): IndexLimits {
  return { ...indexLimits, eventsPerSegment, eventsToGather: eventsPerSegment };
}

/** Brings the index as far as it is due. */
export function indexAll(store: Store): void {
  while (store.isIndexDue) store.indexStep();
}

/** Every record of a store, or those that a filter chooses, to compare. */
export function recordsOf(store: Store, filter: JournalFilter = { kind: "all" }) {
  const records: ReturnType<typeof plain>[] = [];
  for (let cursor = 0n; ; ) {
    const page = store.read(cursor, { maxRecords: 1000, maxBytes: 1e6 }, filter);
    records.push(...decodeRecords(encodeRecords(page.records)).map(plain));
    if (!page.more) return records;
    cursor = page.scannedTo;
  }
}

/** What records a journal with `count` batches of `makeBatch` has. */
export function recordsUpTo(count: number) {
  return Array.from({ length: count }, (_, index) => makeBatch(index).records.map(plain)).flat();
}

/** The images of a journal that was killed after each of these numbers of batches. */
export function killedAfter(...counts: readonly number[]): Image[] {
  return inFolder(new Map(), (folder) => {
    const images: Image[] = [];
    const options = { folder, indexLimits: smallSegments(EVENTS_IN_SEGMENT) };
    let store = new Store(options);
    for (let index = 0; index < Math.max(...counts); index += 1) {
      // The first batches are in the database, the later ones in the log.
      if (index === BATCHES_IN_DATABASE) {
        store.close();
        store = new Store(options);
      }
      appendTo(store, makeBatch(index));
      indexAll(store);
      if (counts.includes(index + 1)) images.push(imageOf(folder));
    }
    store.abandon();
    return images;
  });
}

/** The image of a journal that was closed after so many batches: all of it is in the database. */
export function closedAfter(count: number): Image {
  const [killed] = killedAfter(count);
  return inFolder(killed ?? new Map(), (folder) => {
    new Store({ folder }).close();
    return imageOf(folder);
  });
}

const LOG_HEADER = 32;
const LOG_FRAME = 24 + 4096;
const BATCHES_IN_DATABASE = 6;
const EVENTS_IN_SEGMENT = 12;

function makeBatch(index: number): JournalBatch {
  const first = BigInt(index) * 3n + 1n;
  return batch(first, first + 2n);
}
