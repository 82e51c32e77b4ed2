import type { DatabaseSync } from "node:sqlite";
import { larger } from "../lineage.ts";
import { SegmentBuilder } from "./segment.ts";
import type { SegmentTable } from "./segment-table.ts";
import { SourceBatches } from "./source-batches.ts";

/** How the index is cut. Appends wait for the longest step, which writes a segment. */
export const indexLimits = {
  /** A segment is written when it covers so many events, */
  eventsPerSegment: 2048,
  /** or has become so long. */
  bytesPerSegment: 512 * 1024,
  /** New events are gathered when they are so many; never more than one segment in one step. */
  eventsToGather: 512,
} as const;

/** How the index may be cut otherwise, for tests. */
export type IndexLimits = { readonly [name in keyof typeof indexLimits]: number };

/**
 * Makes the index of what was appended, by and by, between commits: it gathers the keys of new batches in
 * memory, and writes them as a segment when they are enough. What is lost with the process is gathered
 * anew by the next; until then reads go through the batches.
 */
export class Indexer {
  readonly #database: DatabaseSync;
  readonly #table: SegmentTable;
  readonly #batches: SourceBatches;
  readonly #limits: IndexLimits;
  /** The last revision that is in the table or gathered. */
  #gathered: bigint;
  #builder: SegmentBuilder | undefined;

  constructor(database: DatabaseSync, table: SegmentTable, limits: IndexLimits) {
    this.#database = database;
    this.#table = table;
    this.#batches = new SourceBatches(database);
    this.#limits = limits;
    this.#gathered = table.last();
  }

  /** Whether a step would do something. */
  isDue(base: bigint, tail: bigint): boolean {
    if (this.#isEnough()) return true;
    return tail - larger(this.#gathered, base) >= BigInt(this.#limits.eventsToGather);
  }

  /**
   * Gathers some batches, or writes the segment.
   * @param base the last revision that was dropped
   * @returns how many bytes it wrote
   */
  step(base: bigint): number {
    this.#gathered = larger(this.#gathered, base);
    return this.#isEnough() || !this.#gather() ? this.#write() : 0;
  }

  /** Returns false at a gap: a segment has none, so that its distances stay small. */
  #gather(): boolean {
    for (const { header, bytes } of this.#batches.after(this.#gathered)) {
      this.#builder ??= new SegmentBuilder(header.first);
      if (header.first !== this.#builder.range.last + 1n) return false;
      this.#builder.add(bytes);
      this.#gathered = header.last;
      if (this.#isEnough()) break;
    }
    return true;
  }

  #isEnough(): boolean {
    if (this.#builder === undefined) return false;
    const { events, bytes } = this.#builder;
    return events >= this.#limits.eventsPerSegment || bytes >= this.#limits.bytesPerSegment;
  }

  #write(): number {
    const builder = this.#builder;
    this.#builder = undefined;
    if (builder === undefined) return 0;
    const bytes = builder.encode();
    this.#database.exec("BEGIN IMMEDIATE");
    this.#table.write(builder.range, bytes);
    this.#database.exec("COMMIT");
    return bytes.length;
  }
}
