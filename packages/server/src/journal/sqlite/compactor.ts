import type { DatabaseSync, StatementSync } from "node:sqlite";
import { larger } from "../lineage.ts";
import { type Base, NOTHING_DROPPED } from "./checksums.ts";
import { asBytes, asInteger, BatchDamage, isEqual } from "./columns.ts";
import { chainHash, decodeKeys, distinct } from "./encoding.ts";
import type { SnapshotTable } from "./snapshot-table.ts";
import { SourceBatches } from "./source-batches.ts";

/** How much one step of a compaction does, beside a page of `sourceLimits`: appends wait for it. */
export const compactionLimits = {
  eventsPerStep: 256,
  chunksPerStep: 8,
} as const;

/** What one step has come to. */
export interface CompactionStep {
  /** Nothing is left to do. */
  readonly done: boolean;
  /** Where the chain goes on now. */
  readonly base: bigint;
  /** About how many pages it wrote. */
  readonly pages: number;
}

// SQLite's integers end here.
const NO_CHUNK_BEING_WRITTEN = 2n ** 63n - 1n;

/**
 * Drops the oldest batches step by step, each step one transaction after which the database is whole: the
 * base of the chain moves first, and with it the batches go; their events and keys, which nobody reads
 * or counts any more, follow, and so do the chunks of snapshots that were replaced or never completed.
 */
export class Compactor {
  readonly #table: SnapshotTable;
  readonly #database: DatabaseSync;
  readonly #batches: SourceBatches;
  readonly #dropBatches: StatementSync;
  readonly #oldest: StatementSync;
  readonly #dropEvents: StatementSync;
  readonly #dropKey: StatementSync;

  constructor(database: DatabaseSync, table: SnapshotTable) {
    const prepare = (sql: string) => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#database = database;
    this.#table = table;
    this.#batches = new SourceBatches(database);
    this.#dropBatches = prepare("DELETE FROM batches WHERE last_revision <= ?");
    this.#oldest = prepare(
      "SELECT revision, keys FROM events WHERE revision <= ? ORDER BY revision LIMIT ?",
    );
    this.#dropEvents = prepare("DELETE FROM events WHERE revision <= ?");
    this.#dropKey = prepare("DELETE FROM event_keys WHERE key = ? AND revision = ?");
  }

  /**
   * Does a bounded part of the work.
   * @param upTo batches that end at or below this go
   * @param floor what is written down as the floor
   */
  step(upTo: bigint, floor: bigint): CompactionStep {
    this.#database.exec("BEGIN IMMEDIATE");
    const base = this.#table.base() ?? NOTHING_DROPPED;
    let pages = this.#dropOldEvents(base.revision);
    let moved = base;
    if (pages === 0) {
      moved = this.#moveBase(base, upTo, larger(floor, base.floor));
      if (moved !== base) pages = 1;
      else pages = this.#table.dropChunks(NO_CHUNK_BEING_WRITTEN, compactionLimits.chunksPerStep);
    }
    this.#database.exec("COMMIT");
    return { done: pages === 0, base: moved.revision, pages };
  }

  /** Drops chunks that belong to no snapshot; the same bounded way. */
  sweepChunks(): CompactionStep {
    const pages = this.#table.dropChunks(NO_CHUNK_BEING_WRITTEN, compactionLimits.chunksPerStep);
    return { done: pages === 0, base: this.#table.base()?.revision ?? 0n, pages };
  }

  #dropOldEvents(base: bigint): number {
    const rows = this.#oldest.all(base, compactionLimits.eventsPerStep);
    let pages = 0;
    for (const { revision, keys } of rows) {
      pages += 1;
      for (const key of distinct(decodeKeys(asBytes(keys)))) {
        this.#dropKey.run(key, asInteger(revision));
        pages += 1;
      }
    }
    if (rows.length > 0) this.#dropEvents.run(asInteger(rows.at(-1)?.revision));
    return pages;
  }

  /**
   * Moves over the next batches, comparing each with the chain: what was read for the snapshot since the
   * start may have been damaged, and must not go unseen with what shows it.
   */
  #moveBase(base: Base, upTo: bigint, floor: bigint): Base {
    let moved = floor === base.floor ? base : { ...base, floor };
    for (const { header, bytes, chain } of this.#batches.after(base.revision)) {
      const { first, last, epoch } = header;
      if (last > upTo) break;
      if (!isEqual(chain, chainHash(moved.chain, bytes))) {
        throw new BatchDamage(
          `the batch with revisions ${first} to ${last} is not what was written`,
        );
      }
      moved = { revision: last, epoch, floor, chain };
    }
    if (moved === base) return base;
    this.#table.writeBase(moved);
    this.#dropBatches.run(moved.revision);
    return moved;
  }
}
