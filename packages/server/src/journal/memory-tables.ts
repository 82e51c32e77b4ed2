import type { IdempotencyRecord, RowWrite, StoredRow } from "@lockstep/core";
import type { Change, Checkpoint } from "@lockstep/protocol";
import { readMemoryTable } from "./memory-table-reads.ts";
import type { TableRead, TableResults } from "./tables.ts";

/** A change, with the log hash when it ends a batch. */
export interface MemoryChange {
  readonly change: Change;
  readonly logHash: Uint8Array | undefined;
}

/** That a change was appended, and when. */
export interface MemoryRecord {
  readonly record: IdempotencyRecord;
  readonly timestampMs: bigint;
}

/** A checkpoint, and when it was decided. */
export interface MemoryCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly decidedAtMs: bigint;
}

/** The tables of one dataset. Keys are byte strings as text of one character per byte. */
export class MemoryTable {
  readonly rows: Map<string, StoredRow>;
  readonly records: Map<string, MemoryRecord>;
  /** By rising seq, without a gap. */
  changes: MemoryChange[];
  /** By rising seq. */
  checkpoints: MemoryCheckpoint[];
  /** Keys of rows in which a byte has changed. */
  readonly damaged: Set<string>;
  #sorted: readonly string[] | undefined;

  constructor(from?: MemoryTable) {
    this.rows = new Map(from?.rows);
    this.records = new Map(from?.records);
    this.changes = [...(from?.changes ?? [])];
    this.checkpoints = [...(from?.checkpoints ?? [])];
    this.damaged = new Set(from?.damaged);
  }

  /** The keys of all rows in byte order. */
  get sortedKeys(): readonly string[] {
    this.#sorted ??= [...this.rows.keys()].sort();
    return this.#sorted;
  }

  write(write: RowWrite): void {
    if (write.kind === "put") this.#put(write.row);
    else if (write.kind === "delete") this.#delete(keyText(write.key));
    else if (write.kind === "change") this.changes.push(write);
    else if (write.kind === "record") this.records.set(write.idempotencyKey, write);
    else this.checkpoints.push(write);
  }

  trim(floorSeq: bigint, droppedSeq: bigint): void {
    this.changes = this.changes.filter(({ change }) => change.seq > floorSeq);
    this.checkpoints = this.checkpoints.filter(({ checkpoint }) => checkpoint.seq >= floorSeq);
    for (const [key, { record }] of this.records) {
      if (record.seq <= droppedSeq) this.records.delete(key);
    }
  }

  #put(row: StoredRow): void {
    const key = keyText(row.key);
    if (!this.rows.has(key)) this.#sorted = undefined;
    this.rows.set(key, row);
    this.damaged.delete(key);
  }

  #delete(key: string): void {
    if (this.rows.delete(key)) this.#sorted = undefined;
    this.damaged.delete(key);
  }
}

/** The tables of all datasets of a namespace, in memory. */
export class MemoryTables {
  readonly #byDataset = new Map<bigint, MemoryTable>();

  write(writes: readonly RowWrite[]): void {
    for (const write of writes) this.#of(write.datasetId).write(write);
  }

  read(read: TableRead): TableResults[TableRead["kind"]] {
    return readMemoryTable(this.#byDataset.get(read.datasetId) ?? new MemoryTable(), read);
  }

  trim(datasetId: bigint, floorSeq: bigint, droppedSeq: bigint): void {
    this.#byDataset.get(datasetId)?.trim(floorSeq, droppedSeq);
  }

  drop(datasetId: bigint): void {
    this.#byDataset.delete(datasetId);
  }

  datasetIds(): bigint[] {
    return [...this.#byDataset.keys()].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Changes a byte of a stored row. Returns whether there is such a row. */
  damage(datasetId: bigint, key: Uint8Array): boolean {
    const table = this.#byDataset.get(datasetId);
    const text = keyText(key);
    if (!table?.rows.has(text)) return false;
    table.damaged.add(text);
    return true;
  }

  /** The same content, of which neither changes with the other. */
  copy(): MemoryTables {
    const copy = new MemoryTables();
    for (const [id, table] of this.#byDataset) copy.#byDataset.set(id, new MemoryTable(table));
    return copy;
  }

  #of(datasetId: bigint): MemoryTable {
    let table = this.#byDataset.get(datasetId);
    if (table === undefined) {
      table = new MemoryTable();
      this.#byDataset.set(datasetId, table);
    }
    return table;
  }
}

/** Bytes as a text of one character each: a key of a map that sorts as the bytes do. */
export function keyText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}
