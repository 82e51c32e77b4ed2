import type { StoredRow } from "@lockstep/core";
import type { LogPosition } from "@lockstep/protocol";
import { changeBytes } from "./change-bytes.ts";
import { keyText, type MemoryChange, type MemoryTable } from "./memory-tables.ts";
import type {
  Damage,
  Stored,
  StoredBucket,
  StoredChanges,
  StoredPage,
  StoredUnwanted,
  TableRead,
  TableResults,
} from "./tables.ts";

type ReadOf<K extends TableRead["kind"]> = Extract<TableRead, { kind: K }>;

/** Answers one read of the tables of a dataset. */
export function readMemoryTable(
  table: MemoryTable,
  read: TableRead,
): TableResults[TableRead["kind"]] {
  switch (read.kind) {
    case "heads":
      return read.keys.map((key) => headOf(rowAt(table, keyText(key))));
    case "rows":
      return rowsByKey(table, read);
    case "records":
      return read.idempotencyKeys.map((key) => table.records.get(key)?.record);
    case "page":
      return page(table, read);
    case "buckets":
      return { buckets: buckets(table, read) };
    case "position":
      return position(table, read.seq);
    case "changes":
      return changes(table, read);
    case "unwanted":
      return unwanted(table, read);
  }
}

function rowsByKey(
  table: MemoryTable,
  { keys, maxBytes = Number.POSITIVE_INFINITY }: ReadOf<"rows">,
): Stored<StoredRow>[] {
  const rows: Stored<StoredRow>[] = [];
  let bytes = 0;
  for (const key of keys) {
    if (bytes > maxBytes) break;
    const row = rowAt(table, keyText(key));
    rows.push(row);
    if (row !== undefined && !("damaged" in row)) bytes += bytesOf(row);
  }
  return rows;
}

function rowAt(table: MemoryTable, key: string): Stored<StoredRow> {
  const row = table.rows.get(key);
  return row !== undefined && table.damaged.has(key) ? damaged(row) : row;
}

function damaged({ bucket, key }: StoredRow): Damage {
  return { damaged: { bucket, key, problem: "the row is not what was written" } };
}

function headOf(stored: Stored<StoredRow>): TableResults["heads"][number] {
  if (stored === undefined || "damaged" in stored) return stored;
  const { seq, entryHash } = stored;
  return { seq, entryHash, bytes: bytesOf(stored) };
}

function page(table: MemoryTable, { prefix, afterKey, limit }: ReadOf<"page">): StoredPage {
  const rows: (StoredRow | Damage)[] = [];
  const [start, above] = [keyText(prefix), keyText(afterKey)];
  let bytes = 0;
  for (const key of table.sortedKeys) {
    const row = table.rows.get(key);
    if (row === undefined || key <= above || !key.startsWith(start)) continue;
    bytes += bytesOf(row);
    const full = rows.length >= limit.maxRecords || bytes > limit.maxBytes;
    if (full && rows.length > 0) return { rows, more: true };
    rows.push(table.damaged.has(key) ? damaged(row) : row);
  }
  return { rows, more: false };
}

function buckets(table: MemoryTable, read: ReadOf<"buckets">): StoredBucket[] {
  const wanted = new Map<number, (StoredRow | Damage)[]>(read.buckets.map((each) => [each, []]));
  const bytes = new Map<number, number>();
  for (const key of table.sortedKeys) {
    const row = table.rows.get(key);
    const rows = row && wanted.get(row.bucket);
    if (row === undefined || rows === undefined) continue;
    rows.push(table.damaged.has(key) ? damaged(row) : row);
    bytes.set(row.bucket, (bytes.get(row.bucket) ?? 0) + bytesOf(row));
  }
  const found: StoredBucket[] = [];
  let sum = 0;
  for (const [bucket, rows] of wanted) {
    sum += bytes.get(bucket) ?? 0;
    if (found.length > 0 && sum > read.maxBytes) break;
    found.push({ bucket, rows });
  }
  return found;
}

function position(table: MemoryTable, seq: bigint): LogPosition | undefined {
  const found = table.changes.findLast(
    ({ change, logHash }) => change.seq <= seq && logHash !== undefined,
  );
  if (found?.logHash === undefined) return undefined;
  return { $typeName: "lockstep.v1.LogPosition", seq: found.change.seq, logHash: found.logHash };
}

function changes(
  table: MemoryTable,
  { afterSeq, afterCheckpoint, maxBytes }: ReadOf<"changes">,
): StoredChanges {
  const firstSeq = table.changes[0]?.change.seq ?? 0n;
  const first = Math.max(0, Number(afterSeq + 1n - firstSeq));
  const batchEnds: bigint[] = [];
  const logHashes: Uint8Array[] = [];
  let [bytes, end] = [0, first];
  for (let at = first; at < table.changes.length; at += 1) {
    const { change, logHash } = table.changes[at] as MemoryChange;
    bytes += changeBytes(change);
    if (bytes > maxBytes && end > first) break;
    if (logHash === undefined) continue;
    end = at + 1;
    batchEnds.push(change.seq);
    logHashes.push(logHash);
  }
  const lastSeq = batchEnds.at(-1) ?? afterSeq;
  const checkpoints = table.checkpoints
    .map(({ checkpoint }) => checkpoint)
    .filter(({ seq }) => seq > afterCheckpoint && seq <= lastSeq);
  const taken = table.changes.slice(first, end).map(({ change }) => change);
  return { changes: taken, batchEnds, logHashes, checkpoints };
}

function unwanted(table: MemoryTable, read: ReadOf<"unwanted">): StoredUnwanted {
  const head = table.changes.at(-1)?.change.seq ?? 0n;
  const bound = head - read.keepChanges;
  const floor = table.checkpoints.findLast(
    ({ checkpoint, decidedAtMs }) =>
      checkpoint.seq <= read.heldFromSeq &&
      (checkpoint.seq <= bound || decidedAtMs < read.changesBeforeMs),
  )?.checkpoint;
  const kept = floor?.seq ?? (table.changes[0]?.change.seq ?? 1n) - 1n;
  let droppedSeq = kept;
  for (const { record, timestampMs } of table.records.values()) {
    if (timestampMs >= read.recordsBeforeMs && record.seq <= droppedSeq) {
      droppedSeq = record.seq - 1n;
    }
  }
  return { floor: floor && positionOf(floor), droppedSeq };
}

function positionOf({ seq, logHash }: { seq: bigint; logHash: Uint8Array }): LogPosition {
  return { $typeName: "lockstep.v1.LogPosition", seq, logHash };
}

function bytesOf({ key, value }: StoredRow): number {
  return key.length + value.length;
}
