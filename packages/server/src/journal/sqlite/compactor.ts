import type { DatabaseSync, StatementSync } from "node:sqlite";
import { larger } from "../lineage.ts";
import { type Base, NOTHING_DROPPED } from "./checksums.ts";
import { isEqual } from "./columns.ts";
import { chainHash } from "./encoding.ts";
import type { SegmentTable } from "./segment-table.ts";
import type { SnapshotTable } from "./snapshot-table.ts";
import { notAsWritten, SourceBatches } from "./source-batches.ts";

/** How much one step of a compaction does, beside a page of `sourceLimits`: appends wait for it. */
export const compactionLimits = {
  segmentsPerStep: 8,
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
 * base of the chain moves first, and with it the batches go; the segments that name nothing else follow, and
 * so do the chunks of snapshots that were replaced or never completed.
 */
export class Compactor {
  readonly #table: SnapshotTable;
  readonly #database: DatabaseSync;
  readonly #batches: SourceBatches;
  readonly #dropBatches: StatementSync;
  readonly #segments: SegmentTable;

  constructor(database: DatabaseSync, table: SnapshotTable, segments: SegmentTable) {
    this.#database = database;
    this.#table = table;
    this.#segments = segments;
    this.#batches = new SourceBatches(database);
    this.#dropBatches = database.prepare("DELETE FROM batches WHERE last_revision <= ?");
  }

  /**
   * Does a bounded part of the work.
   * @param upTo batches that end at or below this go
   * @param floor what is written down as the floor
   */
  step(upTo: bigint, floor: bigint): CompactionStep {
    this.#database.exec("BEGIN IMMEDIATE");
    const base = this.#table.base() ?? NOTHING_DROPPED;
    const moved = this.#moveBase(base, upTo, larger(floor, base.floor));
    let pages = moved === base ? 0 : 1;
    if (pages === 0) pages = this.#segments.drop(base.revision, compactionLimits.segmentsPerStep);
    if (pages === 0) pages = this.#dropChunks();
    this.#database.exec("COMMIT");
    return { done: pages === 0, base: moved.revision, pages };
  }

  /** Drops chunks that belong to no snapshot; the same bounded way. */
  sweepChunks(): CompactionStep {
    const pages = this.#dropChunks();
    return { done: pages === 0, base: this.#table.base()?.revision ?? 0n, pages };
  }

  #dropChunks(): number {
    return this.#table.dropChunks(NO_CHUNK_BEING_WRITTEN, compactionLimits.chunksPerStep);
  }

  /**
   * Moves over the next batches, comparing each with the chain: what was read for the snapshot since the
   * start may have been damaged, and must not go unseen with what shows it.
   */
  #moveBase(base: Base, upTo: bigint, floor: bigint): Base {
    let moved = floor === base.floor ? base : { ...base, floor };
    for (const { header, bytes, chain } of this.#batches.after(base.revision, upTo)) {
      const { first, last, epoch } = header;
      if (!isEqual(chain, chainHash(moved.chain, bytes))) throw notAsWritten(first, last);
      moved = { revision: last, epoch, floor, chain };
    }
    if (moved === base) return base;
    this.#table.writeBase(moved);
    this.#dropBatches.run(moved.revision);
    return moved;
  }
}
