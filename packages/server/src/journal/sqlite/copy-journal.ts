import { closeSync, fsyncSync, openSync, statSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";
import { makePrivateFile, syncFolder } from "../../data-folder/private-files.ts";
import { BatchWriter } from "./batch-writer.ts";
import {
  type Base,
  CHUNKS_START,
  chunkChecksum,
  NOTHING_DROPPED,
  snapshotChecksum,
} from "./checksums.ts";
import { BatchDamage, isEqual } from "./columns.ts";
import type { JournalFiles } from "./files.ts";
import type { Mark } from "./mark.ts";
import { openUntouched } from "./open-untouched.ts";
import { createTables, hasOurTables } from "./schema.ts";
import { SnapshotTable } from "./snapshot-table.ts";
import { notAsWritten, SourceBatches } from "./source-batches.ts";
import { copyTables, hasDatasetRows } from "./tables/table-copy.ts";
import { DATASET_TABLE_NAMES } from "./tables/table-schema.ts";
import { verify } from "./verify.ts";

/** What a copy of a journal holds. */
export interface CopiedJournal {
  /** Its last batch. */
  readonly end: Mark;
  /** Whether the batch that a mark names is in it, or was dropped because its snapshot covers it. */
  readonly holdsMark: boolean;
  /** The size of its database. */
  readonly bytes: number;
}

/** How a journal is copied. */
export interface CopyOptions {
  /** Whether it is certain that nobody writes to the journal, as to that of a backup. */
  readonly isUnused: boolean;
  /** What the copy must hold; undefined: nothing in particular. */
  readonly mark: Mark | undefined;
  /** Called now and then with how far it has come. */
  readonly onProgress?: ((revision: bigint, tail: bigint) => void) | undefined;
}

/** How often a copy begins anew because the server has dropped what it was about to read. */
export const COPY_ATTEMPTS = 4;

/** How long another program may keep a read waiting, milliseconds. */
const BUSY_TIMEOUT_MS = 5_000;

/**
 * Copies a journal as of now into a folder that has none, without its mark, batch by batch, comparing
 * each with the hash chain, and reads the copy back. A server may use the journal meanwhile: each
 * transaction is short, unless there are datasets, and what was dropped before it could be read makes the copy begin anew. The copy
 * has no free pages, and no index: whoever opens it to serve makes one.
 * @throws BatchDamage when the journal is not what was written; SQLite's own errors
 */
export function copyJournal(
  from: JournalFiles,
  to: JournalFiles,
  options: CopyOptions,
): CopiedJournal {
  const source = options.isUnused
    ? openUntouched(from)
    : new DatabaseSync(from.database, { timeout: BUSY_TIMEOUT_MS, readOnly: true });
  let copied: Omit<CopiedJournal, "bytes">;
  try {
    if (!hasOurTables(source)) throw new BatchDamage("it has other tables than a journal has");
    makePrivateFile(to.database);
    const target = new DatabaseSync(to.database);
    try {
      copied = copyInto(source, target, options);
    } finally {
      target.close();
    }
  } finally {
    source.close();
  }
  sync(to);
  readBack(to, copied.end);
  return { ...copied, bytes: statSync(to.database).size };
}

function copyInto(source: DatabaseSync, target: DatabaseSync, options: CopyOptions) {
  // Synced once, at the end: until then nobody takes it for a copy.
  target.exec("PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF");
  createTables(target);
  for (let attempt = 1; ; attempt += 1) {
    // The last attempt reads all of it in one transaction, so that it cannot be overtaken, and so does one that
    // copies rows of datasets: these are as of the last batch, and not of any other.
    const atOnce = attempt === COPY_ATTEMPTS || hasDatasetRows(source);
    if (atOnce) source.exec("BEGIN");
    const copied = new Attempt(source, target, options, !atOnce).run();
    if (atOnce) copyTables(source, target);
    if (atOnce) source.exec("COMMIT");
    // Where there are rows by now, batches may have been copied that wrote some.
    if (copied !== undefined && (atOnce || !hasDatasetRows(source))) return copied;
    const copiedTables = ["batches", "base", "snapshot", "snapshot_chunks", ...DATASET_TABLE_NAMES];
    for (const table of copiedTables) {
      target.exec(`DELETE FROM ${table}`);
    }
  }
}

class Attempt {
  readonly #source: DatabaseSync;
  readonly #target: DatabaseSync;
  readonly #options: CopyOptions;
  readonly #shortTransactions: boolean;
  readonly #batches: SourceBatches;
  readonly #table: SnapshotTable;
  readonly #writer: BatchWriter;
  #holdsMark: boolean;

  constructor(
    source: DatabaseSync,
    target: DatabaseSync,
    options: CopyOptions,
    shortTransactions: boolean,
  ) {
    this.#source = source;
    this.#target = target;
    this.#options = options;
    this.#shortTransactions = shortTransactions;
    this.#batches = new SourceBatches(source);
    this.#table = new SnapshotTable(source);
    this.#writer = new BatchWriter(target);
    this.#holdsMark = options.mark === undefined;
  }

  /** Returns undefined when what it was about to read had been dropped. */
  run(): Omit<CopiedJournal, "bytes"> | undefined {
    let { end, tail } = this.#inTransaction(() => this.#copyBeginning());
    while (end.revision < tail) {
      const next = this.#inTransaction(() => this.#copyPage(end));
      if (next === undefined) return undefined;
      end = next;
      this.#options.onProgress?.(end.revision, tail);
    }
    return { end, holdsMark: this.#holdsMark };
  }

  #inTransaction<T>(copy: () => T): T {
    if (this.#shortTransactions) this.#source.exec("BEGIN");
    this.#target.exec("BEGIN IMMEDIATE");
    const result = copy();
    this.#target.exec("COMMIT");
    if (this.#shortTransactions) this.#source.exec("COMMIT");
    return result;
  }

  /** The base and the snapshot, and with them the tail up to which batches are copied. */
  #copyBeginning(): { end: Mark; tail: bigint } {
    const tail = this.#batches.tail();
    const to = new SnapshotTable(this.#target);
    const base = this.#base();
    if (base !== NOTHING_DROPPED) to.writeBase(base);
    copySnapshot(this.#table, to);
    return { end: this.#startAt(base), tail };
  }

  #base(): Base {
    return this.#table.base() ?? NOTHING_DROPPED;
  }

  #startAt({ revision, epoch, chain }: Mark): Mark {
    const { mark } = this.#options;
    // What the snapshot covers was dropped only after a later batch had been marked.
    if (mark !== undefined && mark.revision <= revision) this.#holdsMark = true;
    return { revision, epoch, chain };
  }

  #copyPage(from: Mark): Mark | undefined {
    if (this.#base().revision > from.revision) return undefined;
    let end = from;
    for (const { bytes, chain, header } of this.#batches.after(from.revision)) {
      const { first, last } = header;
      if (first <= end.revision || header.epoch < end.epoch) {
        throw new BatchDamage(`the batch with revisions ${first} to ${last} is out of order`);
      }
      end = this.#writer.write(bytes, end);
      if (!isEqual(chain, end.chain)) throw notAsWritten(first, last);
      this.#noteMark(end);
    }
    if (end === from)
      throw new BatchDamage(`it ends at revision ${from.revision}, before its tail`);
    return end;
  }

  #noteMark(end: Mark): void {
    const { mark } = this.#options;
    if (mark?.revision !== end.revision) return;
    this.#holdsMark = mark.epoch === end.epoch && isEqual(mark.chain, end.chain);
  }
}

function copySnapshot(from: SnapshotTable, to: SnapshotTable): void {
  const head = from.head();
  if (head === undefined) return;
  let checksum = CHUNKS_START;
  for (let number = head.firstChunk; number < head.firstChunk + head.chunks; number += 1n) {
    const chunk = from.chunk(number);
    if (chunk === undefined) {
      throw new BatchDamage(`the snapshot of revision ${head.revision} lacks a chunk`);
    }
    checksum = chunkChecksum(checksum, chunk.bytes);
    to.writeChunk(number, chunk.bytes, checksum);
  }
  if (!isEqual(head.checksum, snapshotChecksum(head, checksum))) {
    throw new BatchDamage(`the snapshot of revision ${head.revision} is not what was written`);
  }
  to.writeHead(head, checksum);
}

function sync(files: JournalFiles): void {
  const descriptor = openSync(files.database, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  syncFolder(files.folder);
}

/** A copy that was not read back is none. */
function readBack(files: JournalFiles, end: Mark): void {
  const database = openUntouched(files);
  try {
    if (!verify(database, end).holdsMark) throw new BatchDamage("the copy lacks its last batch");
  } finally {
    database.close();
  }
}
