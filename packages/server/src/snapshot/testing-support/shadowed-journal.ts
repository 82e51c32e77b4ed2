import type {
  Journal,
  JournalBatch,
  JournalFilter,
  JournalRecord,
  JournalSnapshot,
  PageLimit,
} from "../../journal/journal.ts";
import type { TableRead } from "../../journal/tables.ts";
import type { StateSource } from "../rebuild.ts";

/** A journal beside which everything that was appended is remembered, whatever it drops. */
export class ShadowedJournal implements Journal {
  readonly journal: Journal;
  /** Called before each call with its name; may make it fail. */
  readonly #onCall: (name: string) => void;
  readonly #records: JournalRecord[];

  constructor(journal: Journal, before?: ShadowedJournal, onCall: (name: string) => void = noop) {
    this.journal = journal;
    this.#records = before === undefined ? [] : [...before.#records];
    this.#onCall = onCall;
  }

  /** What the state is rebuilt from when nothing was ever dropped and no snapshot made. */
  sourceUpTo(revision: bigint): StateSource {
    const records = this.#records.filter((record) => record.revision <= revision);
    return { snapshot: undefined, pages: onePage(records) };
  }

  get durability() {
    return this.journal.durability;
  }

  state() {
    return this.journal.state();
  }

  append(expectedTail: bigint, batch: JournalBatch) {
    this.#onCall("append");
    const first = batch.records[0]?.revision ?? 0n;
    // What an earlier process had proposed and not made durable never happened.
    while ((this.#records.at(-1)?.revision ?? 0n) >= first) this.#records.pop();
    for (const { revision, bytes, keys } of batch.records) {
      this.#records.push({ revision, keys, bytes: Uint8Array.from(bytes) });
    }
    return this.journal.append(expectedTail, batch);
  }

  read(after: bigint, limit: PageLimit, filter?: JournalFilter) {
    return this.journal.read(after, limit, filter);
  }

  writeSnapshot(snapshot: JournalSnapshot) {
    this.#onCall("writeSnapshot");
    return this.journal.writeSnapshot(snapshot);
  }

  readSnapshot() {
    return this.journal.readSnapshot();
  }

  compact(floor: bigint) {
    this.#onCall("compact");
    return this.journal.compact(floor);
  }

  readTables<const R extends readonly TableRead[]>(reads: R) {
    return this.journal.readTables(reads);
  }

  trimDataset(datasetId: bigint, floorSeq: bigint, droppedSeq: bigint) {
    this.#onCall("trimDataset");
    return this.journal.trimDataset(datasetId, floorSeq, droppedSeq);
  }

  dropDataset(datasetId: bigint) {
    this.#onCall("dropDataset");
    return this.journal.dropDataset(datasetId);
  }

  datasetIds() {
    return this.journal.datasetIds();
  }

  freeBytes() {
    return this.journal.freeBytes();
  }

  close() {
    return this.journal.close();
  }
}

function noop(): void {
  // Nothing is asked to fail.
}

async function* onePage(records: readonly JournalRecord[]) {
  yield records;
}
