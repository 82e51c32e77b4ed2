import type { DatabaseSync, StatementSync } from "node:sqlite";
import {
  JournalDeposedError,
  type JournalFilter,
  type JournalPosition,
  type JournalState,
  type PageLimit,
} from "../journal.ts";
import { justBelow, larger, lineageStart } from "../lineage.ts";
import { chainHash, decodeBatch, decodeKeys, distinct, type EncodedRecord } from "./encoding.ts";
import { FilesInPlace } from "./files-in-place.ts";
import { type Mark, MarkFile } from "./mark.ts";
import { checkpoint, journalFiles, openDatabase } from "./open-database.ts";
import { type EncodedPage, PageReader } from "./read-page.ts";

/** How a store is opened. */
export interface StoreOptions {
  /** The folder of the namespace. The lock of the data folder must be held. */
  readonly folder: string;
  /** Accept a missing end and begin a new lineage, at this revision and epoch or above. */
  readonly newLineage?: JournalPosition | undefined;
  /** The most bytes the database file may have; default: what SQLite can hold. */
  readonly maxDatabaseBytes?: number | undefined;
}

/** When the write-ahead log is moved into the database, in estimated bytes of log. */
export const checkpointLimits = {
  /** From here on when no append waits. */
  whenIdleBytes: 4 * 1024 * 1024,
  /** From here on in any case. */
  alwaysBytes: 16 * 1024 * 1024,
} as const;

// A commit writes whole pages: one of each tree, and one more now and then.
const ESTIMATED_COMMIT_BYTES = 5 * 4120;

/**
 * The journal on disk, all of it synchronous: what the worker thread runs. After an error of `append`
 * or `checkpointIfDue` nothing but `abandon` may be called.
 */
export class Store {
  /** What people should know though the journal is good. */
  readonly notices: readonly string[];
  readonly #database: DatabaseSync;
  readonly #mark: MarkFile;
  readonly #pages: PageReader;
  readonly #writer: BatchWriter;
  readonly #files: FilesInPlace;
  #end: Mark;
  #floor: bigint;
  #known: JournalPosition;
  #logBytes = 0;
  #abandoned = false;

  /** @throws JournalOpenError */
  constructor({ folder, newLineage, maxDatabaseBytes }: StoreOptions) {
    const files = journalFiles(folder);
    const opened = openDatabase(files, {
      acceptMissingEnd: newLineage !== undefined,
      maxDatabaseBytes: maxDatabaseBytes ?? Number.MAX_SAFE_INTEGER,
    });
    this.notices = opened.notices;
    this.#database = opened.database;
    this.#end = opened.verified.end;
    this.#floor = opened.verified.floor;
    this.#known = { revision: larger(this.#end.revision, this.#floor), epoch: this.#end.epoch };
    this.#mark = new MarkFile(files.mark, opened.markSequence);
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
    this.#files = new FilesInPlace([files.database, files.log]);
  }

  state(): JournalState {
    const { revision: tail, epoch } = this.#end;
    return { tail, epoch, floor: this.#floor, highest: this.#known };
  }

  /**
   * Makes encoded batches durable, in one transaction, each with its own link of the chain. The mark is
   * written only after SQLite has synced the log, so it never names what could still be lost.
   * @throws JournalDeposedError when the database has another tail; nothing was written
   */
  append(batches: readonly Uint8Array[]): void {
    let end = this.#end;
    this.#writer.begin();
    const found = this.#writer.tail();
    if (found !== end.revision) {
      this.#writer.rollBack();
      throw new JournalDeposedError(
        `The journal ends at revision ${found}, not at ${end.revision}: another program wrote to it.`,
      );
    }
    for (const batch of batches) {
      end = this.#writer.write(batch, end);
      this.#logBytes += ESTIMATED_COMMIT_BYTES + batch.length;
    }
    this.#writer.commit();
    this.#files.check();
    this.#end = end;
    this.#known = { revision: end.revision, epoch: end.epoch };
    this.#writeMark();
  }

  /** Reads durable records. */
  read(after: bigint, limit: PageLimit, filter: JournalFilter): EncodedPage {
    return this.#pages.read(after, limit, filter, this.#end.revision);
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

  #checkpoint(mode: "PASSIVE" | "TRUNCATE"): void {
    checkpoint(this.#database, mode);
    this.#mark.sync();
    this.#logBytes = 0;
  }

  #writeMark(): void {
    this.#mark.write(this.#end);
  }
}

/** Writes batches into the tables. */
class BatchWriter {
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollBack: StatementSync;
  readonly #tail: StatementSync;
  readonly #batch: StatementSync;
  readonly #event: StatementSync;
  readonly #key: StatementSync;

  constructor(database: DatabaseSync) {
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollBack = database.prepare("ROLLBACK");
    this.#tail = database.prepare("SELECT max(last_revision) AS tail FROM batches");
    this.#tail.setReadBigInts(true);
    this.#batch = database.prepare(
      "INSERT INTO batches (last_revision, first_revision, epoch, floor, chain) VALUES (?, ?, ?, ?, ?)",
    );
    this.#event = database.prepare("INSERT INTO events (revision, keys, bytes) VALUES (?, ?, ?)");
    this.#key = database.prepare("INSERT INTO event_keys (key, revision) VALUES (?, ?)");
  }

  begin(): void {
    this.#begin.run();
  }

  commit(): void {
    this.#commit.run();
  }

  rollBack(): void {
    this.#rollBack.run();
  }

  tail(): bigint {
    const tail = this.#tail.get()?.tail;
    return typeof tail === "bigint" ? tail : 0n;
  }

  /** Returns the end of the journal after the batch. */
  write(batch: Uint8Array, end: Mark): Mark {
    const { header, records } = decodeBatch(batch);
    const { first, last, epoch, floor } = header;
    const chain = chainHash(end.chain, batch);
    this.#batch.run(last, first, epoch, floor, chain);
    for (const record of records) this.#writeRecord(record);
    return { revision: last, epoch, chain };
  }

  #writeRecord({ revision, keys, bytes }: EncodedRecord): void {
    this.#event.run(revision, keys, bytes);
    for (const key of distinct(decodeKeys(keys))) this.#key.run(key, revision);
  }
}
