import { hash } from "node:crypto";
import { DatabaseSync, type StatementSync } from "node:sqlite";
import { sha256FromBinaryString } from "@lockstep/protocol";
import { StoreError } from "../../errors.ts";
import type { StoredRow } from "../../rows.ts";
import type { DeadLetter, Loaded, ReadRow, ReadRows, Store, StoreTx } from "../store.ts";
import { LetterTable } from "./letter-table.ts";
import { ProgressTable } from "./progress-table.ts";
import { RowReader, RowTable } from "./row-table.ts";
import { prepareTables } from "./schema.ts";
import { SqliteTx, slotOf, type Tables } from "./sqlite-tx.ts";

/** How long another connection may keep the file locked before a transaction fails, milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/** What a SQLite store is opened with. */
export interface SqliteStoreOptions {
  /** The file; made if it is not there. Tables of the user's own may be in it, too. */
  readonly path: string;
}

/**
 * A store in a SQLite file, durable at each commit. `apply` is given the connection and writes the user's own tables
 * in the same transaction; other connections may read the file at any time.
 */
export class SqliteStore implements Store<DatabaseSync> {
  readonly sha256 = sha256FromBinaryString((input) => hash("sha256", input, "binary"));
  readonly #path: string;
  readonly #opening: number;
  readonly #timesOpened: StatementSync;
  readonly #tables: Tables;
  readonly #reader: DatabaseSync;
  readonly #read: {
    readonly slots: readonly [RowReader, RowReader];
    readonly progress: ProgressTable;
    readonly letters: LetterTable;
    readonly slot: Tables["slot"];
  };
  #last: Promise<unknown> = Promise.resolve();

  /** @throws StoreError when the file is that of a newer version; the error of the database when it cannot be opened */
  constructor({ path }: SqliteStoreOptions) {
    if (path === "" || path.startsWith(":memory:"))
      throw new StoreError("A replica's SQLite store needs a file: use MemoryStore without one");
    const writer = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    writer.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    this.#path = path;
    this.#opening = prepareTables(writer, path);
    this.#timesOpened = writer.prepare("SELECT times_opened FROM lockstep_store");
    this.#tables = {
      database: writer,
      slots: [new RowTable(writer, 0), new RowTable(writer, 1)],
      progress: new ProgressTable(writer),
      letters: new LetterTable(writer),
      slot: writer.prepare(SLOT),
      setSlot: writer.prepare("UPDATE lockstep_store SET published_slot = ?"),
    };
    // A connection of its own, which sees what is committed and nothing of a transaction under way.
    const reader = new DatabaseSync(path, { readOnly: true, timeout: BUSY_TIMEOUT_MS });
    this.#reader = reader;
    this.#read = {
      slots: [new RowReader(reader, 0), new RowReader(reader, 1)],
      progress: new ProgressTable(reader),
      letters: new LetterTable(reader),
      slot: reader.prepare(SLOT),
    };
  }

  async load(): Promise<Loaded> {
    await this.#last;
    const { progress, slots, letters } = this.#tables;
    const published = progress.published();
    const staged = progress.staged();
    const slot = slotOf(this.#tables);
    return {
      published: published && { progress: published, buckets: slots[slot].buckets() },
      staged: staged && { progress: staged, buckets: slots[slot === 0 ? 1 : 0].buckets() },
      letters: letters.all(),
    };
  }

  transaction<T>(work: (tx: StoreTx<DatabaseSync>) => T | Promise<T>): Promise<T> {
    const run = () => this.#transaction(work);
    const done = this.#last.then(run, run);
    this.#last = done.catch(() => {});
    return done;
  }

  async get(key: Uint8Array): Promise<ReadRow> {
    return this.#consistently((rows, appliedSeq) => ({ appliedSeq, row: rows.row(key) }));
  }

  async scan(prefix: Uint8Array, afterKey: Uint8Array, limit: number): Promise<ReadRows> {
    return this.#consistently((rows, appliedSeq) => {
      const found = rows.scan(prefix, afterKey, limit + 1);
      return { appliedSeq, rows: found.slice(0, limit), more: found.length > limit };
    });
  }

  async rowsOfBuckets(first: number, end: number): Promise<StoredRow[]> {
    return this.#consistently((rows) => rows.ofBuckets(first, end));
  }

  async letters(): Promise<DeadLetter[]> {
    return this.#read.letters.all();
  }

  async close(): Promise<void> {
    await this.#last;
    this.#reader.close();
    this.#tables.database.close();
  }

  async #transaction<T>(work: (tx: StoreTx<DatabaseSync>) => T | Promise<T>): Promise<T> {
    const { database } = this.#tables;
    database.exec("BEGIN IMMEDIATE");
    try {
      this.#requireOwner();
      const result = await work(new SqliteTx(this.#tables));
      database.exec("COMMIT");
      return result;
    } catch (error) {
      if (database.isTransaction) database.exec("ROLLBACK");
      throw error;
    }
  }

  /** Two processes on one file would each take the rows of the other for their own. */
  #requireOwner(): void {
    if (this.#timesOpened.get()?.times_opened === this.#opening) return;
    throw new StoreError(
      `Another store has been opened on ${this.#path}, and this one writes no more. Give each replica a file of its own`,
    );
  }

  /** Everything that is read is as of one commit. */
  #consistently<T>(read: (rows: RowReader, appliedSeq: bigint) => T): T {
    this.#reader.exec("BEGIN");
    try {
      const { slots, progress } = this.#read;
      return read(slots[slotOf(this.#read)], progress.published()?.cursor.seq ?? 0n);
    } finally {
      this.#reader.exec("COMMIT");
    }
  }
}

const SLOT = "SELECT published_slot FROM lockstep_store";
