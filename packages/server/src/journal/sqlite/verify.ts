import type { DatabaseSync } from "node:sqlite";
import type { SnapshotPosition } from "../journal.ts";
import { larger } from "../lineage.ts";
import { type Base, NOTHING_DROPPED } from "./checksums.ts";
import { BatchDamage, isEqual } from "./columns.ts";
import { type BatchHeader, chainHash, RecordWalk } from "./encoding.ts";
import type { Mark } from "./mark.ts";
import { SegmentTable } from "./segment-table.ts";
import { SnapshotTable } from "./snapshot-table.ts";
import { notAsWritten, type SourceBatch, SourceBatches } from "./source-batches.ts";

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

/**
 * Reads a database from its first batch to its last and compares every byte with the hash chain, and the
 * index and the snapshot with their checksums.
 * @throws BatchDamage naming the first bad place; SQLite's own errors pass through
 */
export function verify(database: DatabaseSync, mark: Mark | undefined): Verified {
  checkPages(database);
  const { base, snapshot } = verifySnapshot(database);
  let end: Mark = base;
  let { floor } = base;
  let holdsMark = mark === undefined || isSame(mark, end);
  for (const batch of new SourceBatches(database).all()) {
    const { header, bytes, chain } = batch;
    checkOrder(header, end);
    if (!isEqual(chain, chainHash(end.chain, bytes))) throw notAsWritten(header.first, header.last);
    checkRecords(batch);
    end = { revision: header.last, epoch: header.epoch, chain };
    floor = larger(floor, header.floor);
    holdsMark ||= mark !== undefined && isSame(mark, end);
  }
  new SegmentTable(database).verify(end.revision);
  if (snapshot !== undefined && snapshot.revision > end.revision) {
    throw new BatchDamage(
      `it has a snapshot of revision ${snapshot.revision}, but ends at revision ${end.revision}`,
    );
  }
  return { end, floor, base: base.revision, snapshot, holdsMark };
}

function verifySnapshot(database: DatabaseSync): Pick<Verified, "snapshot"> & { base: Base } {
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

// The chain covers what is read; this covers the tree by which it is found.
function checkPages(database: DatabaseSync): void {
  const result = database.prepare("PRAGMA quick_check(1)").get()?.quick_check;
  if (result !== "ok") throw new BatchDamage(`SQLite finds its pages damaged (${String(result)})`);
}

function checkOrder({ first, last, epoch }: BatchHeader, end: Mark): void {
  if (first <= end.revision || last < first || epoch < end.epoch) {
    throw new BatchDamage(
      `the batch that should follow revision ${end.revision} says it has revisions ${first} to ${last} of epoch ${epoch}`,
    );
  }
}

/** What is read by position must be at it. */
function checkRecords({ header: { first, last, count }, bytes }: SourceBatch): void {
  let next = first;
  try {
    for (const walk = new RecordWalk(bytes); walk.next(); next += 1n) {
      if (walk.revision() !== next) break;
    }
  } catch (cause) {
    throw new BatchDamage(`the batch with revisions ${first} to ${last} cannot be read`, { cause });
  }
  if (next !== last + 1n || next !== first + BigInt(count)) {
    throw new BatchDamage(
      `revision ${next} of the batch from ${first} to ${last} is missing or one too many`,
    );
  }
}

function isSame(mark: Mark, end: Mark): boolean {
  return (
    mark.revision === end.revision && mark.epoch === end.epoch && isEqual(mark.chain, end.chain)
  );
}
