import type { TableRead } from "../../tables.ts";
import { ByteReader, ByteWriter } from "./bytes.ts";

type ReadOf<K extends TableRead["kind"]> = Extract<TableRead, { kind: K }>;

/** What each kind of read begins with. */
const KINDS = [
  "heads",
  "rows",
  "records",
  "page",
  "buckets",
  "position",
  "changes",
  "unwanted",
] as const;

/** Stands for a bound that is none. */
const UNBOUNDED = 0xffff_ffff;

/** Puts reads into one piece of bytes: keys are parts of larger buffers, which a thread would copy whole. */
export function encodeReads(reads: readonly TableRead[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  for (const read of reads) {
    writer.u8(KINDS.indexOf(read.kind));
    writer.u64(read.datasetId);
    encodeRead(writer, read);
  }
  return writer.done();
}

/** Takes reads apart again. */
export function decodeReads(bytes: Uint8Array): TableRead[] {
  const reader = new ByteReader(bytes);
  const reads: TableRead[] = [];
  while (!reader.isAtEnd) {
    const kind = KINDS[reader.u8()];
    reads.push({ datasetId: reader.u64(), ...decodeRead(kind, reader) } as TableRead);
  }
  return reads;
}

function encodeRead(writer: ByteWriter, read: TableRead): void {
  switch (read.kind) {
    case "heads":
      encodeKeys(writer, read.keys);
      break;
    case "rows":
      encodeKeys(writer, read.keys);
      writer.u32(read.maxBytes ?? UNBOUNDED);
      break;
    case "records":
      writer.u32(read.idempotencyKeys.length);
      for (const key of read.idempotencyKeys) writer.text(key);
      break;
    case "page":
      writer.bytes(read.prefix);
      writer.bytes(read.afterKey);
      writer.u32(read.limit.maxRecords);
      writer.u32(read.limit.maxBytes);
      break;
    case "buckets":
      writer.u32(read.buckets.length);
      for (const bucket of read.buckets) writer.u32(bucket);
      writer.u32(read.maxBytes);
      break;
    case "position":
      writer.u64(read.seq);
      break;
    case "changes":
      writer.u64(read.afterSeq);
      writer.i64(read.afterCheckpoint);
      writer.u32(read.maxBytes);
      break;
    case "unwanted":
      writer.i64(read.keepChanges);
      writer.u64(read.heldFromSeq);
      writer.i64(read.changesBeforeMs);
      writer.i64(read.recordsBeforeMs);
      break;
  }
}

function encodeKeys(writer: ByteWriter, keys: readonly Uint8Array[]): void {
  writer.u32(keys.length);
  for (const key of keys) writer.bytes(key);
}

function decodeRead(
  kind: TableRead["kind"] | undefined,
  reader: ByteReader,
): Omit<TableRead, "datasetId"> {
  switch (kind) {
    case "heads":
      return { kind, keys: many(reader, () => reader.bytes()) } as Omit<
        ReadOf<"heads">,
        "datasetId"
      >;
    case "rows": {
      const keys = many(reader, () => reader.bytes());
      const maxBytes = bound(reader.u32());
      return { kind, keys, maxBytes } as Omit<ReadOf<"rows">, "datasetId">;
    }
    case "records": {
      const idempotencyKeys = many(reader, () => reader.text());
      return { kind, idempotencyKeys } as Omit<ReadOf<"records">, "datasetId">;
    }
    case "page": {
      const [prefix, afterKey] = [reader.bytes(), reader.bytes()];
      const limit = { maxRecords: reader.u32(), maxBytes: reader.u32() };
      return { kind, prefix, afterKey, limit } as Omit<ReadOf<"page">, "datasetId">;
    }
    case "buckets": {
      const buckets = many(reader, () => reader.u32());
      return { kind, buckets, maxBytes: reader.u32() } as Omit<ReadOf<"buckets">, "datasetId">;
    }
    case "position":
      return { kind, seq: reader.u64() } as Omit<ReadOf<"position">, "datasetId">;
    case "changes": {
      const [afterSeq, afterCheckpoint] = [reader.u64(), reader.i64()];
      const maxBytes = reader.u32();
      return { kind, afterSeq, afterCheckpoint, maxBytes } as Omit<ReadOf<"changes">, "datasetId">;
    }
    case "unwanted": {
      const [keepChanges, heldFromSeq] = [reader.i64(), reader.u64()];
      const [changesBeforeMs, recordsBeforeMs] = [reader.i64(), reader.i64()];
      return { kind, keepChanges, heldFromSeq, changesBeforeMs, recordsBeforeMs } as Omit<
        ReadOf<"unwanted">,
        "datasetId"
      >;
    }
    default:
      throw new RangeError("a read is of a kind nobody knows here");
  }
}

function many<T>(reader: ByteReader, one: () => T): T[] {
  return Array.from({ length: reader.u32() }, one);
}

function bound(encoded: number): number {
  return encoded === UNBOUNDED ? Number.POSITIVE_INFINITY : encoded;
}
