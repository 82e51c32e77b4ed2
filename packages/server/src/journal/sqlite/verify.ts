import type { DatabaseSync } from "node:sqlite";
import type { SnapshotPosition } from "../journal.ts";
import { larger } from "../lineage.ts";
import { type Base, NOTHING_DROPPED } from "./checksums.ts";
import { asBytes, asInteger, BatchDamage, isEqual } from "./columns.ts";
import {
  type BatchHeader,
  chainHashByParts,
  decodeKeys,
  distinct,
  type EncodedRecord,
} from "./encoding.ts";
import type { Mark } from "./mark.ts";
import { formatOf } from "./schema.ts";
import { SnapshotTable } from "./snapshot-table.ts";

/** What a verified database holds. */
export interface Verified {
  /** Revision, epoch and chain hash of the last batch. */
  readonly end: Mark;
  readonly floor: bigint;
  /** The last revision that was dropped, 0 for none. */
  readonly base: bigint;
  /** What the snapshot is of; undefined without one. */
  readonly snapshot: SnapshotPosition | undefined;
  /** Whether the batch that the mark names is in it, exactly so. */
  readonly holdsMark: boolean;
}

interface BatchRow extends Omit<BatchHeader, "count"> {
  readonly chain: Uint8Array;
}

/**
 * Reads a database from its first batch to its last and compares every byte with the hash chain,
 * `event_keys` with the records, and the snapshot with its checksums.
 * @throws BatchDamage naming the first bad place; SQLite's own errors pass through
 */
export function verify(database: DatabaseSync, mark: Mark | undefined): Verified {
  checkPages(database);
  const { base, snapshot } = verifySnapshot(database);
  const keys = new KeyCheck(database, base.revision);
  const events = new EventReader(database, base.revision);
  let end: Mark = base;
  let { floor } = base;
  let holdsMark = mark === undefined || isSame(mark, end);
  for (const batch of batchesOf(database)) {
    checkOrder(batch, end);
    checkChain(batch, end.chain, events, keys);
    end = { revision: batch.last, epoch: batch.epoch, chain: batch.chain };
    floor = larger(floor, batch.floor);
    holdsMark ||= mark !== undefined && isSame(mark, end);
  }
  events.expectEnd(end.revision);
  keys.expectNoOthers();
  if (snapshot !== undefined && snapshot.revision > end.revision) {
    throw new BatchDamage(
      `it has a snapshot of revision ${snapshot.revision}, but ends at revision ${end.revision}`,
    );
  }
  return { end, floor, base: base.revision, snapshot, holdsMark };
}

function verifySnapshot(database: DatabaseSync): Pick<Verified, "snapshot"> & { base: Base } {
  if (formatOf(database) === 1) return { base: NOTHING_DROPPED, snapshot: undefined };
  const table = new SnapshotTable(database);
  const base = table.base() ?? NOTHING_DROPPED;
  const snapshot = table.verify();
  // What was dropped lives on in the snapshot alone.
  if (base.revision > (snapshot?.revision ?? 0n)) {
    const found = snapshot === undefined ? "no snapshot" : `one of revision ${snapshot.revision}`;
    throw new BatchDamage(
      `its events up to revision ${base.revision} were dropped for a snapshot, but it has ${found}`,
    );
  }
  return { base, snapshot };
}

function* batchesOf(database: DatabaseSync): Generator<BatchRow> {
  const batches = database.prepare(
    "SELECT first_revision, last_revision, epoch, floor, chain FROM batches ORDER BY last_revision",
  );
  batches.setReadBigInts(true);
  for (const row of batches.iterate()) yield batchRow(row);
}

// The chain covers what is read; this covers the tree by which it is found.
function checkPages(database: DatabaseSync): void {
  const result = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (result !== "ok") throw new BatchDamage(`SQLite finds its pages damaged (${String(result)})`);
}

function checkOrder({ first, last, epoch }: BatchRow, end: Mark): void {
  if (first <= end.revision || last < first || epoch < end.epoch) {
    throw new BatchDamage(
      `the batch that should follow revision ${end.revision} says it has revisions ${first} to ${last} of epoch ${epoch}`,
    );
  }
}

function checkChain(
  batch: BatchRow,
  previous: Uint8Array,
  events: EventReader,
  keys: KeyCheck,
): void {
  const { first, last } = batch;
  const count = last - first + 1n;
  // More records than a batch can have: do not even look for them.
  if (count > 0xffffffffn) throw new BatchDamage(`the batch from revision ${first} has no end`);
  const hash = chainHashByParts(previous, { ...batch, count: Number(count) });
  for (let revision = first; revision <= last; revision += 1n) {
    const record = events.next();
    if (record?.revision !== revision) {
      throw new BatchDamage(
        `revision ${revision} of the batch from ${first} to ${last} is missing`,
      );
    }
    hash.add(record);
    keys.expect(record, batch);
  }
  if (!isEqual(batch.chain, hash.digest())) {
    throw new BatchDamage(`the batch with revisions ${first} to ${last} is not what was written`);
  }
}

/** The records, one by one. */
class EventReader {
  readonly #rows: Iterator<Record<string, unknown>>;

  /** @param base records up to here were dropped, though some may not be gone yet */
  constructor(database: DatabaseSync, base: bigint) {
    const events = database.prepare(
      "SELECT revision, keys, bytes FROM events WHERE revision > ? ORDER BY revision",
    );
    events.setReadBigInts(true);
    this.#rows = events.iterate(base);
  }

  next(): EncodedRecord | undefined {
    const { value, done } = this.#rows.next();
    if (done) return undefined;
    const { revision, keys, bytes } = value;
    return { revision: asInteger(revision), keys: asBytes(keys), bytes: asBytes(bytes) };
  }

  expectEnd(last: bigint): void {
    const extra = this.next();
    if (extra === undefined) return;
    throw new BatchDamage(
      `revision ${extra.revision} belongs to no batch; the last ends at ${last}`,
    );
  }
}

/** Every key of every record must be found, and as many as there are. */
class KeyCheck {
  readonly #find;
  readonly #count;
  readonly #base: bigint;
  #expected = 0n;

  constructor(database: DatabaseSync, base: bigint) {
    this.#base = base;
    this.#find = database.prepare("SELECT 1 FROM event_keys WHERE key = ? AND revision = ?");
    this.#count = database.prepare("SELECT count(*) AS found FROM event_keys WHERE revision > ?");
    this.#count.setReadBigInts(true);
  }

  expect({ revision, keys }: EncodedRecord, { first, last }: BatchRow): void {
    for (const key of distinct(keysOf(keys, first, last))) {
      this.#expected += 1n;
      if (this.#find.get(key, revision) === undefined) {
        throw new BatchDamage(`revision ${revision} cannot be found by one of its keys`);
      }
    }
  }

  expectNoOthers(): void {
    const found = asInteger(this.#count.get(this.#base)?.found);
    if (found !== this.#expected) {
      throw new BatchDamage(`${found} keys are indexed, the records have ${this.#expected}`);
    }
  }
}

function keysOf(keys: Uint8Array, first: bigint, last: bigint): Uint8Array[] {
  try {
    return decodeKeys(keys);
  } catch (cause) {
    throw new BatchDamage(`the batch with revisions ${first} to ${last} is not what was written`, {
      cause,
    });
  }
}

function batchRow(row: Record<string, unknown>): BatchRow {
  return {
    first: asInteger(row.first_revision),
    last: asInteger(row.last_revision),
    epoch: asInteger(row.epoch),
    floor: asInteger(row.floor),
    chain: asBytes(row.chain),
  };
}

function isSame(mark: Mark, end: Mark): boolean {
  return (
    mark.revision === end.revision && mark.epoch === end.epoch && isEqual(mark.chain, end.chain)
  );
}
