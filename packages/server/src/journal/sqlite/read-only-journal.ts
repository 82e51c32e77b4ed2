import type { DatabaseSync } from "node:sqlite";
import type {
  JournalFilter,
  JournalPage,
  JournalState,
  PageLimit,
  StoredSnapshot,
} from "../journal.ts";
import { larger } from "../lineage.ts";
import { decodeRecords, encodeRecords } from "./encoding.ts";
import type { JournalFiles } from "./files.ts";
import { openUntouched } from "./open-untouched.ts";
import { PageReader } from "./read-page.ts";
import { SnapshotTable } from "./snapshot-table.ts";
import type { Verified } from "./verify.ts";

/**
 * A verified journal that is only read, in the thread that asks: for tools that work on a folder which no
 * server uses. Nothing in the folder changes.
 */
export class ReadOnlyJournal {
  readonly #database: DatabaseSync;
  readonly #pages: PageReader;
  readonly #snapshots: SnapshotTable;
  readonly #state: JournalState;

  constructor(files: JournalFiles, { end, floor, base, snapshot }: Verified) {
    this.#database = openUntouched(files);
    this.#pages = new PageReader(this.#database);
    this.#snapshots = new SnapshotTable(this.#database);
    const highest = { revision: end.revision, epoch: end.epoch };
    this.#state = {
      tail: end.revision,
      epoch: end.epoch,
      floor,
      base,
      snapshot: snapshot?.revision,
      highest,
    };
  }

  state(): JournalState {
    return this.#state;
  }

  async read(
    after: bigint,
    limit: PageLimit,
    filter: JournalFilter = { kind: "all" },
  ): Promise<JournalPage> {
    const { base, tail } = this.#state;
    const { records, scannedTo, more } = this.#pages.read(larger(after, base), limit, filter, tail);
    return { records: decodeRecords(encodeRecords(records)), scannedTo, more };
  }

  async readSnapshot(): Promise<StoredSnapshot | undefined> {
    const head = this.#snapshots.head();
    if (head === undefined) return undefined;
    const { revision, epoch, firstChunk, chunks } = head;
    return { revision, epoch, chunks: this.#chunks(firstChunk, chunks) };
  }

  close(): void {
    this.#database.close();
  }

  async *#chunks(first: bigint, count: bigint): AsyncGenerator<Uint8Array> {
    for (let number = first; number < first + count; number += 1n) {
      const chunk = this.#snapshots.chunk(number);
      if (chunk === undefined) throw new Error(`chunk ${number} of the snapshot is missing`);
      yield chunk.bytes;
    }
  }
}
