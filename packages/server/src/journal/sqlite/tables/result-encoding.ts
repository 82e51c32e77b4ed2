import type { RowHead, StoredRow } from "@lockstep/core";
import type { Change, Checkpoint, LogPosition } from "@lockstep/protocol";
import {
  type Damage,
  isDamage,
  type Stored,
  type StoredChanges,
  type TableRead,
  type TableResults,
} from "../../tables.ts";
import { ByteReader, type ByteWriter } from "./bytes.ts";
import { readChange } from "./change-encoding.ts";
import {
  readCheckpoint,
  readRecord,
  readRow,
  writeCheckpoint,
  writeRecord,
  writeRow,
} from "./write-encoding.ts";

/** What an item of a list begins with. */
const NONE = 0;
const GOOD = 1;
const DAMAGED = 2;
const END = 3;

type Result<K extends TableRead["kind"]> = TableResults[K];

/** Changes as the thread has read them: each still encoded. */
export interface EncodedChanges extends Omit<StoredChanges, "changes"> {
  readonly changes: readonly Uint8Array[];
}

/** A result as the thread has it. */
export type EncodableResult<K extends TableRead["kind"]> = K extends "changes"
  ? EncodedChanges
  : Result<K>;

/** Puts the result of a read behind those before it. */
export function encodeResult<K extends TableRead["kind"]>(
  writer: ByteWriter,
  kind: K,
  result: EncodableResult<K>,
): void {
  const encode = ENCODE[kind] as (writer: ByteWriter, result: EncodableResult<K>) => void;
  encode(writer, result);
}

/** Takes results apart again; their bytes are views. */
export function decodeResults(
  bytes: Uint8Array,
  reads: readonly TableRead[],
): TableResults[TableRead["kind"]][] {
  const reader = new ByteReader(bytes);
  return reads.map(({ kind }) => DECODE[kind](reader));
}

const ENCODE: {
  [K in TableRead["kind"]]: (writer: ByteWriter, result: EncodableResult<K>) => void;
} = {
  heads: (writer, heads) => encodeList(writer, heads, encodeHead),
  rows: (writer, rows) => encodeList(writer, rows, writeRow),
  records: (writer, records) => encodeList(writer, records, writeRecord),
  page(writer, { rows, more }) {
    writer.u8(more ? 1 : 0);
    encodeList(writer, rows, writeRow);
  },
  buckets(writer, { buckets }) {
    writer.u32(buckets.length);
    for (const { bucket, rows } of buckets) {
      writer.u32(bucket);
      encodeList(writer, rows, writeRow);
    }
  },
  position: (writer, position) => encodeStored(writer, position, encodePosition),
  changes: encodeChanges,
  unwanted(writer, { floor, droppedSeq }) {
    encodeStored(writer, floor, encodePosition);
    writer.u64(droppedSeq);
  },
};

const DECODE: { [K in TableRead["kind"]]: (reader: ByteReader) => Result<K> } = {
  heads: (reader) => decodeList(reader, decodeHead),
  rows: (reader) => decodeList(reader, readRow),
  records: (reader) => decodeList(reader, readRecord),
  page: (reader) => ({ more: reader.u8() === 1, rows: decodeRows(reader) }),
  buckets: (reader) => ({
    buckets: Array.from({ length: reader.u32() }, () => ({
      bucket: reader.u32(),
      rows: decodeRows(reader),
    })),
  }),
  position: (reader) => decodeStored(reader, reader.u8(), decodePosition),
  changes: decodeChanges,
  unwanted: (reader) => ({
    floor: decodeStored(reader, reader.u8(), decodePosition) as LogPosition | undefined,
    droppedSeq: reader.u64(),
  }),
};

function encodeHead(writer: ByteWriter, { seq, entryHash, bytes }: RowHead): void {
  writer.u64(seq);
  writer.hash(entryHash);
  writer.u32(bytes);
}

function decodeHead(reader: ByteReader): RowHead {
  return { seq: reader.u64(), entryHash: reader.hash(), bytes: reader.u32() };
}

function encodePosition(writer: ByteWriter, { seq, logHash }: LogPosition): void {
  writer.u64(seq);
  writer.hash(logHash);
}

function decodePosition(reader: ByteReader): LogPosition {
  return { $typeName: "lockstep.v1.LogPosition", seq: reader.u64(), logHash: reader.hash() };
}

function encodeChanges(writer: ByteWriter, found: EncodedChanges): void {
  writer.u32(found.changes.length);
  for (const change of found.changes) writer.bytes(change);
  writer.u32(found.batchEnds.length);
  for (const [index, end] of found.batchEnds.entries()) {
    writer.u64(end);
    writer.hash(found.logHashes[index] as Uint8Array);
  }
  writer.u32(found.checkpoints.length);
  for (const checkpoint of found.checkpoints) writeCheckpoint(writer, checkpoint);
  encodeStored(writer, found.damage, () => undefined);
}

function decodeChanges(reader: ByteReader): StoredChanges {
  const changes: Change[] = Array.from({ length: reader.u32() }, () => readChange(reader.bytes()));
  const batchEnds: bigint[] = [];
  const logHashes: Uint8Array[] = [];
  for (let left = reader.u32(); left > 0; left -= 1) {
    batchEnds.push(reader.u64());
    logHashes.push(reader.hash());
  }
  const checkpoints: Checkpoint[] = Array.from({ length: reader.u32() }, () =>
    readCheckpoint(reader),
  );
  const damage = decodeStored(reader, reader.u8(), (): Damage => {
    throw new RangeError("a damage is none");
  });
  return { changes, batchEnds, logHashes, checkpoints, damage };
}

function encodeList<T extends object>(
  writer: ByteWriter,
  items: readonly Stored<T>[],
  encode: (writer: ByteWriter, item: T) => void,
): void {
  for (const item of items) encodeStored(writer, item, encode);
  writer.u8(END);
}

function decodeList<T>(reader: ByteReader, decode: (reader: ByteReader) => T): Stored<T>[] {
  const items: Stored<T>[] = [];
  for (let tag = reader.u8(); tag !== END; tag = reader.u8()) {
    items.push(decodeStored(reader, tag, decode));
  }
  return items;
}

function decodeRows(reader: ByteReader): (StoredRow | Damage)[] {
  return decodeList(reader, readRow) as (StoredRow | Damage)[];
}

function encodeStored<T extends object>(
  writer: ByteWriter,
  stored: Stored<T>,
  encode: (writer: ByteWriter, item: T) => void,
): void {
  if (stored === undefined) writer.u8(NONE);
  else if (isDamage(stored)) encodeDamage(writer, stored);
  else {
    writer.u8(GOOD);
    encode(writer, stored);
  }
}

function decodeStored<T>(
  reader: ByteReader,
  tag: number,
  decode: (reader: ByteReader) => T,
): Stored<T> {
  if (tag === NONE) return undefined;
  return tag === DAMAGED ? decodeDamage(reader) : decode(reader);
}

function encodeDamage(writer: ByteWriter, { damaged }: Damage): void {
  const { bucket, key, seq, problem } = damaged;
  writer.u8(DAMAGED);
  writer.u8(bucket === undefined ? 0 : 1);
  if (bucket !== undefined) writer.u32(bucket);
  writer.u8(key === undefined ? 0 : 1);
  if (key !== undefined) writer.bytes(key);
  writer.u8(seq === undefined ? 0 : 1);
  if (seq !== undefined) writer.u64(seq);
  writer.text(problem);
}

function decodeDamage(reader: ByteReader): Damage {
  return {
    damaged: {
      bucket: reader.u8() === 1 ? reader.u32() : undefined,
      key: reader.u8() === 1 ? reader.bytes() : undefined,
      seq: reader.u8() === 1 ? reader.u64() : undefined,
      problem: reader.text(),
    },
  };
}
