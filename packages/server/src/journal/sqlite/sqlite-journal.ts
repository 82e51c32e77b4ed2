import { statfs } from "node:fs/promises";
import { Durability } from "@lockstep/protocol";
import { checkBatch } from "../check-batch.ts";
import {
  type Journal,
  type JournalBatch,
  JournalDeposedError,
  type JournalFilter,
  type JournalPage,
  type JournalPosition,
  type JournalState,
  JournalUnknownError,
  type PageLimit,
} from "../journal.ts";
import { encodeBatch } from "./encoding.ts";
import { JournalThread } from "./journal-thread.ts";
import type { StoreOptions } from "./store.ts";

/** How a SQLite journal is opened. */
export interface SqliteJournalOptions extends StoreOptions {
  /** Called with what people should know though the journal is good, one sentence each: for the log. */
  readonly onNotice?: (sentence: string) => void;
}

/**
 * Opens the journal in the folder of a namespace, making it when there is none, and proves that it
 * holds every acknowledged batch before it settles.
 * @throws JournalOpenError NOT_WRITABLE, NEWER_FORMAT, DAMAGED, BEHIND_MARK or MARK_MISSING; a journal
 *   of the last two can be opened with `newLineage`, which gives up what is missing
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
    const { floor } = this.#state;
    await this.#thread.append(encodeBatch(batch, floor));
    this.#state = { tail, epoch: batch.epoch, floor, highest };
  }

  async read(
    after: bigint,
    limit: PageLimit,
    filter: JournalFilter = { kind: "all" },
  ): Promise<JournalPage> {
    this.#checkUsable();
    return this.#thread.read(after, limit, filter);
  }

  async freeBytes(): Promise<number> {
    const { bavail, bsize } = await statfs(this.#folder);
    return bavail * bsize;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#thread.close();
  }

  #checkUsable(): void {
    if (this.#closed) throw new JournalUnknownError("The journal is closed.");
    const failure = this.#thread.failure ?? this.#deposed;
    if (failure !== undefined) throw failure;
  }
}
