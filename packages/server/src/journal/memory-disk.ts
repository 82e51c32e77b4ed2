import type {
  JournalBatch,
  JournalFilter,
  JournalPage,
  JournalPosition,
  JournalRecord,
  JournalState,
  PageLimit,
  SnapshotPosition,
} from "./journal.ts";
import { justBelow, larger, lineageStart, smaller } from "./lineage.ts";
import { MemoryTables } from "./memory-tables.ts";

/** A complete snapshot. */
export interface MemorySnapshot extends SnapshotPosition {
  readonly chunks: readonly Uint8Array[];
}

/** What of a memory journal survives its process. */
export class MemoryDisk {
  /** The tables of datasets. */
  tables: MemoryTables = new MemoryTables();
  #records: JournalRecord[] = [];
  #tail: JournalPosition = { revision: 0n, epoch: 0n };
  #floor = 0n;
  #base = 0n;
  #snapshot: MemorySnapshot | undefined;
  #torn = false;

  /** The newest complete snapshot. */
  get snapshot(): MemorySnapshot | undefined {
    return this.#snapshot;
  }

  /** What a process finds that opens it, and whether it begins a new lineage. */
  open(newLineage: JournalPosition | undefined): JournalState {
    const kept = this.#state();
    if (newLineage === undefined) return kept;
    // Nothing is written before the first batch of the lineage.
    const highest = justBelow(lineageStart(newLineage, kept.highest));
    return { ...kept, floor: highest.revision, highest };
  }

  append(batch: JournalBatch, floor: bigint): JournalState {
    for (const record of batch.records) this.#records.push(record);
    this.tables.write(batch.rows ?? []);
    this.#tail = { revision: batch.records.at(-1)?.revision ?? 0n, epoch: batch.epoch };
    this.#floor = larger(this.#floor, floor);
    return this.#state();
  }

  /** Half a batch was written; who opens it drops that half. */
  tear(): void {
    this.#torn = true;
  }

  /** Whether half a batch had been written; it is dropped. */
  takeTorn(): boolean {
    const torn = this.#torn;
    this.#torn = false;
    return torn;
  }

  replaceSnapshot(snapshot: MemorySnapshot): JournalState {
    this.#snapshot = snapshot;
    return this.#state();
  }

  /** Drops what lies at or below the floor and in the snapshot; `whole` false: the older half of it. */
  compact(floor: bigint, whole: boolean): JournalState {
    const upTo = smaller(floor, this.#snapshot?.revision ?? 0n);
    const dropped = this.#records.filter(({ revision }) => revision <= upTo);
    const count = whole ? dropped.length : Math.ceil(dropped.length / 2);
    this.#records = this.#records.slice(count);
    this.#base = larger(this.#base, dropped[count - 1]?.revision ?? 0n);
    this.#floor = larger(this.#floor, floor);
    return this.#state();
  }

  /** `scannedTo` of the last page is that of its last record. */
  read(after: bigint, limit: PageLimit, filter: JournalFilter): JournalPage {
    const records: JournalRecord[] = [];
    let bytes = 0;
    for (const record of this.#records) {
      if (record.revision <= after || !matches(record, filter)) continue;
      bytes += record.bytes.length;
      const full = records.length >= limit.maxRecords || bytes > limit.maxBytes;
      if (full && records.length > 0) {
        return { records, scannedTo: record.revision - 1n, more: true };
      }
      records.push(record);
    }
    return { records, scannedTo: records.at(-1)?.revision ?? after, more: false };
  }

  /** The same content, of which neither changes with the other. */
  copy(): MemoryDisk {
    const copy = new MemoryDisk();
    copy.tables = this.tables.copy();
    copy.#records = [...this.#records];
    copy.#tail = this.#tail;
    copy.#floor = this.#floor;
    copy.#base = this.#base;
    copy.#snapshot = this.#snapshot;
    copy.#torn = this.#torn;
    return copy;
  }

  #state(): JournalState {
    const { revision: tail, epoch } = this.#tail;
    return {
      tail,
      epoch,
      floor: this.#floor,
      base: this.#base,
      snapshot: this.#snapshot?.revision,
      highest: this.#tail,
    };
  }
}

/** What is kept must not change when the caller re-uses its buffers; rows are handed over. */
export function copyBatch({ epoch, records, rows = [] }: JournalBatch): JournalBatch {
  const copyRecord = ({ revision, bytes, keys }: JournalRecord) => ({
    revision,
    bytes: new Uint8Array(bytes),
    keys: [...keys],
  });
  return { epoch, records: records.map(copyRecord), rows };
}

function matches({ keys }: JournalRecord, filter: JournalFilter): boolean {
  if (filter.kind === "all") return true;
  if (filter.kind === "keys") return keys.some((key) => filter.keys.includes(key));
  return keys.some((key) => key.startsWith(filter.prefix));
}
