import { statfs } from "node:fs/promises";
import { Durability } from "@lockstep/protocol";
import { checkBatch } from "../check-batch.ts";
import { checkChunk, checkFloor, checkSnapshot } from "../check-snapshot.ts";
import {
  type Journal,
  type JournalBatch,
  JournalDeposedError,
  type JournalFilter,
  type JournalPage,
  type JournalPosition,
  type JournalSnapshot,
  type JournalState,
  JournalUnknownError,
  type PageLimit,
  type StoredSnapshot,
} from "../journal.ts";
import { larger } from "../lineage.ts";
import type { ResultsOf, TableRead, TablesAsOf } from "../tables.ts";
import type { SnapshotHead } from "./checksums.ts";
import { encodeBatch } from "./encoding.ts";
import { JournalThread } from "./journal-thread.ts";
import type { StoreOptions } from "./store-options.ts";
import { encodeReads } from "./tables/read-encoding.ts";
import { decodeResults } from "./tables/result-encoding.ts";
import { encodeWrites } from "./tables/write-encoding.ts";

/** How a SQLite journal is opened. */
export interface SqliteJournalOptions extends StoreOptions {
  /** Called with what people should know though the journal is good, one sentence each: for the log. */
  readonly onNotice?: (sentence: string) => void;
}

/**
 * Opens the journal in the folder of a namespace, making it when there is none, and proves that it
 * holds every acknowledged batch before it settles.
 * @throws JournalOpenError NOT_WRITABLE, NEWER_FORMAT, OLDER_FORMAT, DAMAGED, BEHIND_MARK or
 *   MARK_MISSING; a journal of the last two can be opened with `newLineage`, which gives up what is missing
 */
export async function openSqliteJournal(options: SqliteJournalOptions): Promise<Journal> {
  const { folder, newLineage, maxDatabaseBytes, onNotice } = options;
  const opened = await JournalThread.open({ folder, newLineage, maxDatabaseBytes });
  for (const notice of opened.notices) onNotice?.(notice);
  return new SqliteJournal(folder, opened.thread, opened.state);
}

class SqliteJournal implements Journal {
  readonly durability: Durability = Durability.LOCAL_DISK;
  readonly #folder: string;
  readonly #thread: JournalThread;
  #state: JournalState;
  /** As `#state`, appends under way included. */
  #proposed: { tail: bigint; known: JournalPosition };
  #deposed: JournalDeposedError | undefined;
  #writingSnapshot = false;
  #closed = false;

  constructor(folder: string, thread: JournalThread, state: JournalState) {
    this.#folder = folder;
    this.#thread = thread;
    this.#state = state;
    this.#proposed = { tail: state.tail, known: state.highest };
  }

  state(): JournalState {
    return this.#state;
  }

  async append(expectedTail: bigint, batch: JournalBatch): Promise<void> {
    this.#checkUsable();
    if (expectedTail !== this.#proposed.tail) {
      this.#deposed = new JournalDeposedError(
        `The journal ends at revision ${this.#proposed.tail}, not at ${expectedTail} as this writer believes.`,
      );
      throw this.#deposed;
    }
    checkBatch(batch, this.#proposed.known);
    const tail = batch.records.at(-1)?.revision ?? expectedTail;
    const highest = { revision: tail, epoch: batch.epoch };
    this.#proposed = { tail, known: highest };
    const { rows = [] } = batch;
    const writes = rows.length === 0 ? undefined : encodeWrites(rows);
    await this.#thread.append(encodeBatch(batch, this.#state.floor), writes);
    this.#state = { ...this.#state, tail, epoch: batch.epoch, highest };
  }

  async read(
    after: bigint,
    limit: PageLimit,
    filter: JournalFilter = { kind: "all" },
  ): Promise<JournalPage> {
    this.#checkUsable();
    return this.#thread.read(after, limit, filter);
  }

  async writeSnapshot({ revision, epoch, chunks }: JournalSnapshot): Promise<void> {
    this.#checkUsable();
    if (this.#writingSnapshot) throw new RangeError("another snapshot is being written");
    checkSnapshot({ revision, epoch }, this.#state);
    this.#writingSnapshot = true;
    try {
      await this.#thread.run({ kind: "beginSnapshot" });
      await this.#writeChunks(chunks);
      await this.#thread.run({ kind: "endSnapshot", position: { revision, epoch } });
      this.#state = { ...this.#state, snapshot: revision };
    } finally {
      this.#writingSnapshot = false;
    }
  }

  async readSnapshot(): Promise<StoredSnapshot | undefined> {
    this.#checkUsable();
    const { head } = await this.#thread.run({ kind: "snapshotHead" });
    if (head === undefined) return undefined;
    return { revision: head.revision, epoch: head.epoch, chunks: this.#chunksOf(head) };
  }

  async compact(floor: bigint): Promise<void> {
    this.#checkUsable();
    checkFloor(floor, this.#state);
    // Before anything is dropped: who reads must be able to tell that the history it asks for is going.
    this.#state = { ...this.#state, floor: larger(floor, this.#state.floor) };
    const { state } = await this.#thread.run({ kind: "compact", floor });
    this.#state = { ...this.#state, base: state.base };
  }

  async readTables<const R extends readonly TableRead[]>(reads: R): Promise<TablesAsOf<R>> {
    this.#checkUsable();
    const { revision, results } = await this.#thread.readTables(encodeReads(reads));
    return { revision, results: decodeResults(results, reads) as unknown as ResultsOf<R> };
  }

  async trimDataset(datasetId: bigint, floorSeq: bigint, droppedSeq: bigint): Promise<void> {
    this.#checkUsable();
    await this.#thread.run({ kind: "trimDataset", datasetId, floorSeq, droppedSeq });
  }

  async dropDataset(datasetId: bigint): Promise<void> {
    this.#checkUsable();
    await this.#thread.run({ kind: "dropDataset", datasetId });
  }

  async datasetIds(): Promise<bigint[]> {
    this.#checkUsable();
    return [...((await this.#thread.run({ kind: "datasetIds" })).ids ?? [])];
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread.close();
  }

  async #writeChunks(chunks: JournalSnapshot["chunks"]): Promise<void> {
    let count = 0;
    for await (const bytes of chunks) {
      checkChunk(bytes, count);
      await this.#thread.run({ kind: "addChunk", bytes });
      count += 1;
    }
    if (count === 0) throw new RangeError("a snapshot has at least one chunk");
  }

  async *#chunksOf({ firstChunk, chunks }: SnapshotHead): AsyncGenerator<Uint8Array> {
    for (let ordinal = 0n; ordinal < chunks; ordinal += 1n) {
      this.#checkUsable();
      const number = firstChunk + ordinal;
      const { bytes } = await this.#thread.run({ kind: "readChunk", number, first: firstChunk });
      if (bytes === undefined) throw new Error("the snapshot was replaced by a newer one");
      yield bytes;
    }
  }

  #checkUsable(): void {
    if (this.#closed) throw new JournalUnknownError("The journal is closed.");
    const failure = this.#thread.failure ?? this.#deposed;
    if (failure !== undefined) throw failure;
  }
}
