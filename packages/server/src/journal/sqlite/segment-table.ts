import type { DatabaseSync, StatementSync } from "node:sqlite";
import { segmentChecksum } from "./checksums.ts";
import { asBytes, asInteger, BatchDamage, isEqual } from "./columns.ts";
import { Segment, type SegmentRange } from "./segment.ts";

/** The table of a database that holds the index. */
export class SegmentTable {
  readonly #next: StatementSync;
  readonly #last: StatementSync;
  readonly #write: StatementSync;
  readonly #drop: StatementSync;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#next = prepare(
      "SELECT first_revision, last_revision, checksum, body FROM segments WHERE last_revision > ? ORDER BY last_revision LIMIT 1",
    );
    this.#last = prepare("SELECT max(last_revision) AS last FROM segments");
    this.#write = prepare("INSERT INTO segments VALUES (?, ?, ?, ?)");
    this.#drop = prepare(
      "DELETE FROM segments WHERE last_revision IN (SELECT last_revision FROM segments WHERE last_revision <= ? ORDER BY last_revision LIMIT ?)",
    );
  }

  /**
   * The segment with the next events after a revision, compared with its checksum; undefined when there
   * is none.
   * @throws BatchDamage naming its revisions
   */
  next(after: bigint): Segment | undefined {
    const row = this.#next.get(after);
    if (row === undefined) return undefined;
    const range = { first: asInteger(row.first_revision), last: asInteger(row.last_revision) };
    const bytes = asBytes(row.body);
    if (!isEqual(asBytes(row.checksum), segmentChecksum(range.first, range.last, bytes))) {
      throw new BatchDamage(
        `the index of revisions ${range.first} to ${range.last} is not what was written`,
      );
    }
    return new Segment(range, bytes);
  }

  /** Up to where events are in the index, 0 for nowhere. */
  last(): bigint {
    const last = this.#last.get()?.last;
    return typeof last === "bigint" ? last : 0n;
  }

  write({ first, last }: SegmentRange, bytes: Uint8Array): void {
    this.#write.run(last, first, segmentChecksum(first, last, bytes), bytes);
  }

  /**
   * Drops the oldest segments of which nothing lies above a revision.
   * @returns how many
   */
  drop(upTo: bigint, atMost: number): number {
    return Number(this.#drop.run(upTo, atMost).changes);
  }

  /**
   * Compares every segment with its checksum.
   * @param end the last revision there is
   * @throws BatchDamage naming the revisions of the first that is damaged
   */
  verify(end: bigint): void {
    let previous = 0n;
    for (let segment = this.next(0n); segment !== undefined; segment = this.next(previous)) {
      const { first, last } = segment.range;
      if (first <= previous || first > last || last > end) {
        throw new BatchDamage(`the index of revisions ${first} to ${last} is out of place`);
      }
      previous = last;
    }
  }
}
