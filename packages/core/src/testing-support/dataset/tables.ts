import { type Change, type Checkpoint, ErrorReason, type Event } from "@lockstep/protocol";
import type {
  IdempotencyRecord,
  RowFacts,
  RowPage,
  RowWrite,
  StoredDamage,
  StoredRow,
} from "../../dataset/rows.ts";
import { rowsOf } from "../../dataset/rows-of.ts";
import type { Op } from "../../op.ts";
import { Refusal, RefusalCode } from "../../refusal.ts";

const DEFAULT_PAGE_SIZE = 100;

/** What the tables of a journal have of a dataset, in maps. */
export interface Table {
  /** By key in hex. */
  readonly rows: Map<string, StoredRow>;
  readonly changes: Change[];
  /** The log hashes at the ends of batches, by seq. */
  readonly batchEnds: Map<bigint, Uint8Array>;
  readonly records: Map<string, IdempotencyRecord>;
  readonly checkpoints: Checkpoint[];
  /** What is damaged, by key in hex. */
  readonly damaged: Set<string>;
}

/** The tables that a server's journal keeps beside the events. */
export class Tables {
  readonly #tables = new Map<bigint, Table>();

  /** What is there of a dataset. */
  of(datasetId: bigint): Table {
    let table = this.#tables.get(datasetId);
    if (table === undefined) {
      table = {
        rows: new Map(),
        changes: [],
        batchEnds: new Map(),
        records: new Map(),
        checkpoints: [],
        damaged: new Set(),
      };
      this.#tables.set(datasetId, table);
    }
    return table;
  }

  /** Takes up what an event writes. */
  take(event: Event): void {
    for (const write of rowsOf(event)) takeWrite(this.of(write.datasetId), write);
  }

  /** Drops changes up to one, as a journal does after LogTrimmed. */
  trim(datasetId: bigint, floor: bigint, dropped: bigint): void {
    const { changes, batchEnds, records } = this.of(datasetId);
    while ((changes[0]?.seq ?? floor + 1n) <= floor) changes.shift();
    for (const seq of batchEnds.keys()) if (seq <= floor) batchEnds.delete(seq);
    for (const [key, { seq }] of records) if (seq <= dropped) records.delete(key);
  }

  /** What an operation is told of the rows it names. */
  factsFor(op: Op, datasetId: bigint | undefined): RowFacts {
    const table = this.of(datasetId ?? 0n);
    const row = (key: Uint8Array): StoredRow | undefined => {
      if (table.damaged.has(hex(key))) throw damaged();
      return table.rows.get(hex(key));
    };
    return {
      datasetId,
      row,
      head: (key) => {
        const found = row(key);
        if (found === undefined) return undefined;
        const { seq, entryHash, value } = found;
        return { seq, entryHash, bytes: key.length + value.length };
      },
      record: (key) => table.records.get(key),
      page: () => pageOf(table, op as Op<"scanRows">),
      bucket: (bucket) => bucketOf(table, bucket),
      position: (seq) => positionAt(table, seq),
    };
  }
}

function takeWrite(table: Table, write: RowWrite): void {
  switch (write.kind) {
    case "put":
      table.rows.set(hex(write.row.key), write.row);
      break;
    case "delete":
      table.rows.delete(hex(write.key));
      break;
    case "change":
      table.changes.push(write.change);
      if (write.logHash !== undefined) table.batchEnds.set(write.change.seq, write.logHash);
      break;
    case "record":
      table.records.set(write.idempotencyKey, write.record);
      break;
    case "checkpoint":
      table.checkpoints.push(write.checkpoint);
  }
}

function pageOf({ rows }: Table, { request }: Op<"scanRows">): RowPage {
  const prefix = hex(request.keyPrefix);
  const after = hex(request.afterKey);
  const found = [...rows]
    .filter(([key]) => key.startsWith(prefix) && (after === "" || key > after))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, row]) => row);
  const size = request.pageSize || DEFAULT_PAGE_SIZE;
  return { rows: found.slice(0, size), more: found.length > size };
}

function bucketOf({ rows, damaged: bad }: Table, bucket: number): (StoredRow | StoredDamage)[] {
  return [...rows]
    .filter(([, row]) => row.bucket === bucket)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([text, row]) =>
      bad.has(text) ? { damaged: { key: row.key, problem: "a byte has changed" } } : row,
    );
}

function positionAt(
  { batchEnds }: Table,
  seq: bigint,
): { $typeName: "lockstep.v1.LogPosition"; seq: bigint; logHash: Uint8Array } | undefined {
  let last: { seq: bigint; logHash: Uint8Array } | undefined;
  for (const [end, logHash] of batchEnds) if (end <= seq) last = { seq: end, logHash };
  return last === undefined ? undefined : { $typeName: "lockstep.v1.LogPosition", ...last };
}

function damaged(): Refusal {
  return new Refusal(RefusalCode.DATA_LOSS, ErrorReason.DATASET_DAMAGED, "damaged");
}

/** Bytes as text, ordered like the bytes. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}
