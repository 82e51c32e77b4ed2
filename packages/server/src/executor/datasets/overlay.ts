import type { IdempotencyRecord, RowWrite, StoredRow } from "@lockstep/core";
import { ChurnMap, type LogPosition } from "@lockstep/protocol";
import { keyText } from "../../journal/memory-tables.ts";

/** A row, or that there is none any more. */
export interface OverlaidRow {
  readonly revision: bigint;
  readonly row: StoredRow | undefined;
}

interface OverlaidRecord {
  readonly revision: bigint;
  readonly record: IdempotencyRecord;
}

interface OverlaidEnd {
  readonly revision: bigint;
  readonly position: LogPosition;
}

/** What was decided of one dataset and may not be seen by a read that is under way. */
class DatasetOverlay {
  /** By `keyText` of the key. */
  readonly rows: ChurnMap<string, OverlaidRow> = new ChurnMap();
  readonly records: ChurnMap<string, OverlaidRecord> = new ChurnMap();
  /** The ends of batches by rising seq. */
  readonly ends: ChurnMap<bigint, OverlaidEnd> = new ChurnMap();

  get isEmpty(): boolean {
    return this.rows.size + this.records.size + this.ends.size === 0;
  }
}

/** One thing that is to be forgotten when its revision is. */
interface Kept {
  readonly revision: bigint;
  readonly datasetId: bigint;
  readonly in: "rows" | "records" | "ends";
  /** What it is found by there. */
  readonly name: string | bigint;
}

/**
 * What decided events have written, until every read that could still miss it is over: over what was read of
 * the tables it gives the rows as they are at this point of the order.
 */
export class Overlay {
  readonly #byDataset = new ChurnMap<bigint, DatasetOverlay>();
  /** One that is empty: of a busy dataset it is emptied after each commit, and had to grow again. */
  #spare: DatasetOverlay | undefined;
  #kept: Kept[] = [];
  #forgotten = 0;

  /** How many things it has. */
  get size(): number {
    return this.#kept.length - this.#forgotten;
  }

  /** Takes what an event writes, in order. */
  add(revision: bigint, writes: readonly RowWrite[]): void {
    for (const write of writes) this.#write(this.#of(write.datasetId), revision, write);
  }

  /** The row of a key; undefined when nothing is known here. */
  row(datasetId: bigint, key: Uint8Array): OverlaidRow | undefined {
    const dataset = this.#byDataset.get(datasetId);
    return dataset === undefined || dataset.rows.size === 0
      ? undefined
      : dataset.rows.get(keyText(key));
  }

  record(datasetId: bigint, idempotencyKey: string): IdempotencyRecord | undefined {
    return this.#byDataset.get(datasetId)?.records.get(idempotencyKey)?.record;
  }

  /** Everything known of rows, by `keyText` of their keys. */
  rows(
    datasetId: bigint,
  ): Pick<ChurnMap<string, OverlaidRow>, "size" | "has" | typeof Symbol.iterator> {
    return this.#byDataset.get(datasetId)?.rows ?? NO_ROWS;
  }

  /** The end of the last batch at or below a seq that is known here. */
  position(datasetId: bigint, seq: bigint): LogPosition | undefined {
    let found: LogPosition | undefined;
    for (const { position } of this.#byDataset.get(datasetId)?.ends.values() ?? []) {
      if (position.seq > seq) break;
      found = position;
    }
    return found;
  }

  /** Forgets what every read that is still to be used has seen. */
  forget(upToRevision: bigint): void {
    while (this.#forgotten < this.#kept.length) {
      const kept = this.#kept[this.#forgotten] as Kept;
      if (kept.revision > upToRevision) break;
      this.#forgotten += 1;
      this.#forgetOne(kept);
    }
    if (this.#forgotten === this.#kept.length || this.#forgotten > COMPACT_AT) {
      this.#kept = this.#kept.slice(this.#forgotten);
      this.#forgotten = 0;
    }
  }

  #write(dataset: DatasetOverlay, revision: bigint, write: RowWrite): void {
    const { datasetId } = write;
    if (write.kind === "put" || write.kind === "delete") {
      const row = write.kind === "put" ? write.row : undefined;
      const name = keyText(write.kind === "put" ? write.row.key : write.key);
      dataset.rows.set(name, { revision, row });
      this.#kept.push({ revision, datasetId, in: "rows", name });
    } else if (write.kind === "record") {
      dataset.records.set(write.idempotencyKey, { revision, record: write.record });
      this.#kept.push({ revision, datasetId, in: "records", name: write.idempotencyKey });
    } else if (write.kind === "change" && write.logHash !== undefined) {
      const { seq } = write.change;
      const position = {
        $typeName: "lockstep.v1.LogPosition",
        seq,
        logHash: write.logHash,
      } as const;
      dataset.ends.set(seq, { revision, position });
      this.#kept.push({ revision, datasetId, in: "ends", name: seq });
    }
  }

  #forgetOne({ revision, datasetId, in: where, name }: Kept): void {
    const dataset = this.#byDataset.get(datasetId);
    if (dataset === undefined) return;
    const from = dataset[where] as ChurnMap<string | bigint, { readonly revision: bigint }>;
    // What was written again later stays until that is forgotten.
    if (from.get(name)?.revision === revision) from.delete(name);
    if (!dataset.isEmpty) return;
    this.#byDataset.delete(datasetId);
    this.#spare = dataset;
  }

  #of(datasetId: bigint): DatasetOverlay {
    let dataset = this.#byDataset.get(datasetId);
    if (dataset === undefined) {
      dataset = this.#spare ?? new DatasetOverlay();
      this.#spare = undefined;
      this.#byDataset.set(datasetId, dataset);
    }
    return dataset;
  }
}

const NO_ROWS = new ChurnMap<string, OverlaidRow>();
/** After how many forgotten entries their places are given back. */
const COMPACT_AT = 4_096;
