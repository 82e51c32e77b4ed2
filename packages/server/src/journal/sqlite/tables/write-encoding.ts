import type { IdempotencyRecord, RowWrite, StoredRow } from "@lockstep/core";
import type { Checkpoint } from "@lockstep/protocol";
import { ByteReader, ByteWriter } from "./bytes.ts";
import { writeChanges } from "./change-encoding.ts";

/** What each kind of write begins with. */
const KINDS = ["put", "delete", "changes", "record", "checkpoint"] as const;

/** A write as the worker thread takes it: the changes of an append are one, and encoded already. */
export type EncodedWrite = { readonly datasetId: bigint } & (
  | { readonly kind: "put"; readonly row: StoredRow }
  | { readonly kind: "delete"; readonly key: Uint8Array }
  | {
      readonly kind: "changes";
      readonly firstSeq: bigint;
      readonly lastSeq: bigint;
      readonly logHash: Uint8Array;
      readonly bytes: Uint8Array;
    }
  | {
      readonly kind: "record";
      readonly idempotencyKey: string;
      readonly record: IdempotencyRecord;
      readonly timestampMs: bigint;
    }
  | {
      readonly kind: "checkpoint";
      readonly checkpoint: Checkpoint;
      readonly decidedAtMs: bigint;
    }
);

type Change = Extract<RowWrite, { kind: "change" }>;

/** About how many pages of tables and indexes each kind of write changes; changes come one behind the other. */
const PAGES: Readonly<Record<RowWrite["kind"], number>> = {
  put: 2,
  delete: 2,
  change: 0,
  record: 1,
  checkpoint: 1,
};

/**
 * Puts writes into one piece of bytes of its own, behind about how many pages they change: on the way to a thread
 * nothing else is copied.
 * @throws RangeError when changes end that do not end an append
 */
export function encodeWrites(writes: readonly RowWrite[]): Uint8Array<ArrayBuffer> {
  const writer = new ByteWriter();
  writer.u32(writes.reduce((pages, { kind }) => pages + PAGES[kind], 0));
  let append: Change[] = [];
  for (const write of writes) {
    if (write.kind !== "change") encodeWrite(writer, write);
    else {
      append.push(write);
      if (write.logHash === undefined) continue;
      encodeChanges(writer, append, write.logHash);
      append = [];
    }
  }
  if (append.length > 0) throw new RangeError("changes without the end of their append");
  return writer.done();
}

/** About how many pages encoded writes change. */
export function pagesChangedBy(bytes: Uint8Array): number {
  return new ByteReader(bytes).u32();
}

/** Takes writes apart again, one by one; their bytes are views. */
export function* decodeWrites(bytes: Uint8Array): Generator<EncodedWrite> {
  const reader = new ByteReader(bytes);
  reader.u32();
  while (!reader.isAtEnd) yield decodeWrite(reader);
}

function encodeChanges(writer: ByteWriter, changes: readonly Change[], logHash: Uint8Array): void {
  const [first, last] = [changes[0] as Change, changes.at(-1) as Change];
  writer.u8(KINDS.indexOf("changes"));
  writer.u64(first.datasetId);
  writer.u64(first.change.seq);
  writer.u64(last.change.seq);
  writer.hash(logHash);
  const begun = writer.begin();
  writeChanges(writer, changes);
  writer.end(begun);
}

function encodeWrite(writer: ByteWriter, write: Exclude<RowWrite, Change>): void {
  writer.u8(KINDS.indexOf(write.kind));
  writer.u64(write.datasetId);
  switch (write.kind) {
    case "put":
      writeRow(writer, write.row);
      break;
    case "delete":
      writer.bytes(write.key);
      break;
    case "record":
      writer.text(write.idempotencyKey);
      writeRecord(writer, write.record);
      writer.i64(write.timestampMs);
      break;
    case "checkpoint":
      writeCheckpoint(writer, write.checkpoint);
      writer.i64(write.decidedAtMs);
      break;
  }
}

function decodeWrite(reader: ByteReader): EncodedWrite {
  const kind = KINDS[reader.u8()];
  const datasetId = reader.u64();
  switch (kind) {
    case "put":
      return { datasetId, kind, row: readRow(reader) };
    case "delete":
      return { datasetId, kind, key: reader.bytes() };
    case "changes": {
      const [firstSeq, lastSeq] = [reader.u64(), reader.u64()];
      return { datasetId, kind, firstSeq, lastSeq, logHash: reader.hash(), bytes: reader.bytes() };
    }
    case "record": {
      const idempotencyKey = reader.text();
      const record = readRecord(reader);
      return { datasetId, kind, idempotencyKey, record, timestampMs: reader.i64() };
    }
    case "checkpoint": {
      const checkpoint = readCheckpoint(reader);
      return { datasetId, kind, checkpoint, decidedAtMs: reader.i64() };
    }
    default:
      throw new RangeError("a write is of a kind nobody knows here");
  }
}

export function writeRow(writer: ByteWriter, row: StoredRow): void {
  writer.bytes(row.key);
  writer.bytes(row.value);
  writer.u64(row.seq);
  writer.u32(row.schemaVersion);
  writer.u32(row.bucket);
  writer.hash(row.entryHash);
}

export function readRow(reader: ByteReader): StoredRow {
  return {
    key: reader.bytes(),
    value: reader.bytes(),
    seq: reader.u64(),
    schemaVersion: reader.u32(),
    bucket: reader.u32(),
    entryHash: reader.hash(),
  };
}

export function writeRecord(writer: ByteWriter, { seq, payloadHash }: IdempotencyRecord): void {
  writer.u64(seq);
  writer.hash(payloadHash);
}

export function readRecord(reader: ByteReader): IdempotencyRecord {
  return { seq: reader.u64(), payloadHash: reader.hash() };
}

export function writeCheckpoint(writer: ByteWriter, checkpoint: Checkpoint): void {
  writer.u64(checkpoint.seq);
  writer.hash(checkpoint.logHash);
  writer.u64(checkpoint.count);
  writer.hash(checkpoint.root);
}

export function readCheckpoint(reader: ByteReader): Checkpoint {
  return {
    $typeName: "lockstep.v1.Checkpoint",
    seq: reader.u64(),
    logHash: reader.hash(),
    count: reader.u64(),
    root: reader.hash(),
  };
}
