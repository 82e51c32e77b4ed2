import type { DatabaseSync } from "node:sqlite";
import {
  JournalDeposedError,
  type JournalFilter,
  type JournalPosition,
  type JournalState,
  type PageLimit,
  type SnapshotPosition,
} from "../journal.ts";
import { justBelow, larger, lineageStart, smaller } from "../lineage.ts";
import { BatchWriter } from "./batch-writer.ts";
import type { SnapshotHead } from "./checksums.ts";
import { type CompactionStep, Compactor } from "./compactor.ts";
import { journalFiles } from "./files.ts";
import { FilesInPlace } from "./files-in-place.ts";
import { Indexer, indexLimits } from "./indexer.ts";
import { LogRoom } from "./log-room.ts";
import { type Mark, MarkFile } from "./mark.ts";
import { checkpoint, openDatabase } from "./open-database.ts";
import { type EncodedPage, PageReader } from "./read-page.ts";
import { SegmentTable } from "./segment-table.ts";
import { SnapshotTable } from "./snapshot-table.ts";
import { SnapshotWriter } from "./snapshot-writer.ts";
import type { StoreOptions } from "./store-options.ts";
import { DatasetTables } from "./tables/dataset-tables.ts";

/** When the write-ahead log is moved into the database, in estimated bytes of log. */
export const checkpointLimits = {
  /** From here on when no append waits. */
  whenIdleBytes: 4 * 1024 * 1024,
  /** From here on in any case. */
  alwaysBytes: 16 * 1024 * 1024,
} as const;

// A commit writes whole pages: one of the tree it grows, and now and then one more and the first.
const ESTIMATED_PAGE_BYTES = 4120;
const ESTIMATED_COMMIT_BYTES = 3 * ESTIMATED_PAGE_BYTES;

/**
 * The journal on disk, all of it synchronous: what the worker thread runs. After an error of anything
 * that writes nothing but `abandon` may be called.
 */
export class Store {
  /** What people should know though the journal is good. */
  readonly notices: readonly string[];
  readonly #database: DatabaseSync;
  readonly #mark: MarkFile;
  readonly #pages: PageReader;
  readonly #writer: BatchWriter;
  readonly #table: SnapshotTable;
  readonly #compactor: Compactor;
  readonly #indexer: Indexer;
  readonly #files: FilesInPlace;
  readonly #room: LogRoom;
  readonly #tables: DatasetTables;
  #end: Mark;
  #floor: bigint;
  #base: bigint;
  #snapshot: bigint | undefined;
  #snapshotWriter: SnapshotWriter | undefined;
  /** Batches that end at or below this may be dropped: the mark on the disk names a later one. */
  #dropUpTo = 0n;
  /** The first batch of a new lineage is still to come; nothing else may be written before it. */
  #lineagePending: boolean;
  #known: JournalPosition;
  #logBytes = 0;
  #abandoned = false;

  /** @throws JournalOpenError */
  constructor(options: StoreOptions) {
    const { folder, newLineage, maxDatabaseBytes } = options;
    const files = journalFiles(folder);
    const opened = openDatabase(files, {
      acceptMissingEnd: newLineage !== undefined,
      maxDatabaseBytes: maxDatabaseBytes ?? Number.MAX_SAFE_INTEGER,
    });
    this.notices = opened.notices;
    this.#database = opened.database;
    this.#end = opened.verified.end;
    this.#floor = opened.verified.floor;
    this.#base = opened.verified.base;
    this.#snapshot = opened.verified.snapshot?.revision;
    this.#known = { revision: larger(this.#end.revision, this.#floor), epoch: this.#end.epoch };
    this.#mark = new MarkFile(files.mark, opened.markSequence);
    this.#lineagePending = newLineage !== undefined;
    if (newLineage === undefined) {
      this.#writeMark();
      this.#mark.sync();
    } else {
      // Nothing is written before the first batch of the lineage: a start that ends before it
      // leaves a journal that is refused as before, and no revision can be used twice.
      this.#known = justBelow(lineageStart(newLineage, opened.highest));
      this.#floor = this.#known.revision;
    }
    this.#pages = new PageReader(this.#database);
    this.#writer = new BatchWriter(this.#database);
    this.#table = new SnapshotTable(this.#database);
    const segments = new SegmentTable(this.#database);
    this.#compactor = new Compactor(this.#database, this.#table, segments);
    this.#indexer = new Indexer(this.#database, segments, options.indexLimits ?? indexLimits);
    this.#files = new FilesInPlace([files.database, files.log]);
    this.#room = new LogRoom(files.log);
    this.#tables = new DatasetTables(this.#database);
  }

  state(): JournalState {
    const { revision: tail, epoch } = this.#end;
    return {
      tail,
      epoch,
      floor: this.#floor,
      base: this.#base,
      snapshot: this.#snapshot,
      highest: this.#known,
    };
  }

  /**
   * Makes encoded batches durable, in one transaction, each with its own link of the chain, and what they write
   * into the tables of datasets. The mark is written only after SQLite has synced the log, so it never names what
   * could still be lost.
   * @throws JournalDeposedError when the database has another tail; nothing was written
   */
  append(batches: readonly Uint8Array[], rows: readonly Uint8Array[] = []): void {
    let end = this.#end;
    for (const batch of batches) this.#willLog(batch.length);
    for (const writes of rows) this.#willLog(writes.length);
    if (rows.length > 0) this.#willLog(this.#tables.pagesChangedBy(rows) * ESTIMATED_PAGE_BYTES);
    this.#writer.begin();
    const found = this.#writer.tail();
    if (found !== end.revision) {
      this.#writer.rollBack();
      throw new JournalDeposedError(
        `The journal ends at revision ${found}, not at ${end.revision}: another program wrote to it.`,
      );
    }
    for (const batch of batches) end = this.#writer.write(batch, end);
    for (const writes of rows) this.#tables.writer.write(writes);
    this.#writer.commit();
    this.#files.check();
    this.#lineagePending = false;
    this.#end = end;
    this.#known = { revision: end.revision, epoch: end.epoch };
    this.#writeMark();
  }

  /** Reads durable records. */
  read(after: bigint, limit: PageLimit, filter: JournalFilter): EncodedPage {
    return this.#pages.read(larger(after, this.#base), limit, filter, this.#end.revision);
  }

  /** Reads the tables of datasets: encoded reads, encoded results. */
  readTables(reads: Uint8Array): Uint8Array<ArrayBuffer> {
    return this.#tables.read(reads);
  }

  /** The datasets that have anything in the tables. */
  datasetIds(): bigint[] {
    return this.#tables.trim.datasetIds();
  }

  /** Drops a bounded part of a dataset's oldest, or of all of it. Returns whether nothing is left. */
  trimStep(dataset: bigint, upTo: { floorSeq: bigint; droppedSeq: bigint } | "all"): boolean {
    if (this.#lineagePending) return true;
    const { trim } = this.#tables;
    const rows =
      upTo === "all"
        ? trim.dropStep(dataset)
        : trim.trimStep(dataset, upTo.floorSeq, upTo.droppedSeq);
    this.#wrote({ done: rows === 0, base: this.#base, pages: rows });
    return rows === 0;
  }

  /** Whether the index has fallen so far behind that `indexStep` should be called. */
  get isIndexDue(): boolean {
    return !this.#lineagePending && this.#indexer.isDue(this.#base, this.#end.revision);
  }

  /** Makes a bounded part of the index. Reads are right without it, but slower. */
  indexStep(): void {
    const bytes = this.#indexer.step(this.#base);
    if (bytes === 0) return;
    this.#logBytes += ESTIMATED_COMMIT_BYTES + bytes;
    this.#files.check();
  }

  /** Prepares a snapshot by a bounded step: drops chunks of earlier ones. Returns whether it is prepared. */
  beginSnapshot(): boolean {
    const step = this.#compactor.sweepChunks();
    this.#wrote(step);
    if (step.done) this.#snapshotWriter = new SnapshotWriter(this.#database, this.#table);
    return step.done;
  }

  /** Makes the next chunk of the snapshot durable. */
  addChunk(bytes: Uint8Array): void {
    this.#willLog(bytes.length);
    this.#writerOfSnapshot().add(bytes);
    this.#files.check();
  }

  /** Lets the snapshot take the place of the older one, and makes that durable. */
  endSnapshot(position: SnapshotPosition): void {
    this.#willLog(0);
    this.#writerOfSnapshot().end(position);
    this.#snapshotWriter = undefined;
    this.#files.check();
    this.#snapshot = position.revision;
  }

  /** The complete snapshot; undefined without one. */
  snapshotHead(): SnapshotHead | undefined {
    return this.#table.head();
  }

  /** A chunk of the snapshot that begins with chunk `first`; undefined when it was replaced. */
  readChunk(number: bigint, first: bigint): Uint8Array | undefined {
    return this.#table.provenChunk(number, first);
  }

  /**
   * Begins to drop what lies at or below a floor. The mark is synced first, both slots, and what it names
   * is not dropped: after a loss of power, too, the batch of the mark must be there to be compared.
   */
  beginCompaction(floor: bigint): void {
    this.#floor = larger(this.#floor, floor);
    const covered = smaller(this.#floor, this.#snapshot ?? 0n);
    this.#dropUpTo = smaller(covered, this.#end.revision - 1n);
    if (this.#lineagePending || this.#dropUpTo <= this.#base) return;
    // The other slot names the end already, so from here on both do.
    this.#writeMark();
    this.#mark.sync();
  }

  /** Drops a bounded part of it. Returns whether nothing is left. */
  compactStep(): boolean {
    if (this.#lineagePending) return true;
    const step = this.#compactor.step(this.#dropUpTo, this.#floor);
    this.#wrote(step);
    this.#base = step.base;
    return step.done;
  }

  /**
   * Moves the log into the database when it has grown. All of it has been synced before, so this is
   * only to keep it short. The mark is synced then: from here on the log is overwritten, and if it were
   * lost whole, only the mark would tell.
   */
  checkpointIfDue(idle: boolean): void {
    const due = idle ? checkpointLimits.whenIdleBytes : checkpointLimits.alwaysBytes;
    if (this.#logBytes >= due) this.#checkpoint("PASSIVE");
  }

  /** Leaves everything in the database file. */
  close(): void {
    try {
      this.#checkpoint("TRUNCATE");
    } finally {
      this.abandon();
    }
  }

  /** Gives everything back after an error, without another write of our own. */
  abandon(): void {
    if (this.#abandoned) return;
    this.#abandoned = true;
    this.#mark.close();
    this.#database.close();
  }

  #wrote({ done, pages }: CompactionStep): void {
    if (done) return;
    this.#logBytes += ESTIMATED_COMMIT_BYTES + pages * ESTIMATED_PAGE_BYTES;
    this.#files.check();
  }

  /** Reckons with a commit of so many bytes. */
  #willLog(bytes: number): void {
    this.#logBytes += ESTIMATED_COMMIT_BYTES + bytes;
    this.#room.ensure(this.#logBytes);
  }

  #writerOfSnapshot(): SnapshotWriter {
    if (this.#snapshotWriter === undefined) throw new Error("no snapshot is being written");
    return this.#snapshotWriter;
  }

  #checkpoint(mode: "PASSIVE" | "TRUNCATE"): void {
    checkpoint(this.#database, mode);
    this.#mark.sync();
    this.#logBytes = 0;
  }

  #writeMark(): void {
    this.#mark.write(this.#end);
  }
}
