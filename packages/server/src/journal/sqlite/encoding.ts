import { createHash } from "node:crypto";
import type { JournalBatch, JournalRecord } from "../journal.ts";

/**
 * The bytes of a batch, which are also what the hash chain covers. Integers are unsigned, big-endian.
 *
 * ```
 * batch  = first u64 | last u64 | epoch u64 | floor u64 | count u32 | record × count
 * record = revision u64 | keys length u32 | keys | bytes length u32 | bytes
 * keys   = (key length u32 | key in UTF-8) × any
 * ```
 *
 * Every part has a fixed length or says it first, so no two batches have the same bytes. The chain hash
 * of a batch is
 *
 * ```
 * SHA-256( 25 as u32 | "lockstep.journal.batch.v1" | chain hash of the batch before, 32 bytes | batch )
 * ```
 *
 * and that before the first batch is 32 zero bytes.
 */
export interface BatchHeader {
  readonly first: bigint;
  readonly last: bigint;
  readonly epoch: bigint;
  /** The floor of the journal once the batch is in it. */
  readonly floor: bigint;
  readonly count: number;
}

/** A record whose keys are still encoded. */
export interface EncodedRecord {
  readonly revision: bigint;
  readonly keys: Uint8Array;
  readonly bytes: Uint8Array;
}

/** The chain hash before the first batch. */
export const CHAIN_START: Uint8Array = new Uint8Array(32);

const HEADER_LENGTH = 36;
const RECORD_OVERHEAD = 16;
const CHAIN_TAG = "lockstep.journal.batch.v1";

/** Encodes a batch that keeps the bounds of the port. The result owns its buffer. */
export function encodeBatch({ epoch, records }: JournalBatch, floor: bigint): Uint8Array {
  const first = records[0]?.revision ?? 0n;
  const last = records.at(-1)?.revision ?? 0n;
  const header = { first, last, epoch, floor, count: records.length };
  return assembleBatch(header, records.map(encodeRecord));
}

/** Puts a batch together whose records are encoded already. */
export function assembleBatch(header: BatchHeader, records: readonly EncodedRecord[]): Uint8Array {
  const out = new Uint8Array(HEADER_LENGTH + encodedLength(records));
  out.set(encodeHeader(header));
  writeRecords(out, HEADER_LENGTH, records);
  return out;
}

/** Takes a batch apart again. */
export function decodeBatch(batch: Uint8Array): { header: BatchHeader; records: EncodedRecord[] } {
  const view = viewOf(batch);
  const header = {
    first: view.getBigUint64(0),
    last: view.getBigUint64(8),
    epoch: view.getBigUint64(16),
    floor: view.getBigUint64(24),
    count: view.getUint32(32),
  };
  return { header, records: readRecords(batch, HEADER_LENGTH) };
}

/** Encodes records without a batch around them. The result owns its buffer. */
export function encodeRecords(records: readonly EncodedRecord[]): Uint8Array {
  const out = new Uint8Array(encodedLength(records));
  writeRecords(out, 0, records);
  return out;
}

/** Takes records apart again; their bytes are views of `encoded`. */
export function decodeRecords(encoded: Uint8Array): JournalRecord[] {
  return readRecords(encoded, 0).map(({ revision, keys, bytes }) => ({
    revision,
    bytes,
    keys: decodeKeys(keys).map((key) => Buffer.from(key).toString("utf8")),
  }));
}

/** The keys of a record, each in UTF-8. */
export function decodeKeys(keys: Uint8Array): Uint8Array[] {
  const view = viewOf(keys);
  const found: Uint8Array[] = [];
  for (let at = 0; at < keys.length; ) {
    const end = at + 4 + view.getUint32(at);
    if (end > keys.length) throw new RangeError("a key is longer than its record says");
    found.push(keys.subarray(at + 4, end));
    at = end;
  }
  return found;
}

/** Each encoded key once, whatever their order. */
export function distinct(keys: readonly Uint8Array[]): Uint8Array[] {
  if (keys.length < 2) return [...keys];
  return [...new Map(keys.map((key) => [Buffer.from(key).toString("latin1"), key])).values()];
}

/** The chain hash of an encoded batch. */
export function chainHash(previous: Uint8Array, batch: Uint8Array): Uint8Array {
  return startChainHash(previous).update(batch).digest();
}

/** The chain hash of a batch, part by part: for batches too large to hold at once. */
export function chainHashByParts(previous: Uint8Array, header: BatchHeader) {
  const hash = startChainHash(previous).update(encodeHeader(header));
  return {
    add(record: EncodedRecord): void {
      hash.update(encodeRecords([record]));
    },
    digest: (): Uint8Array => hash.digest(),
  };
}

function startChainHash(previous: Uint8Array) {
  const tag = Buffer.alloc(4 + CHAIN_TAG.length);
  tag.writeUInt32BE(CHAIN_TAG.length);
  tag.write(CHAIN_TAG, 4, "latin1");
  return createHash("sha256").update(tag).update(previous);
}

function encodeHeader({ first, last, epoch, floor, count }: BatchHeader): Uint8Array {
  const header = Buffer.alloc(HEADER_LENGTH);
  header.writeBigUInt64BE(first, 0);
  header.writeBigUInt64BE(last, 8);
  header.writeBigUInt64BE(epoch, 16);
  header.writeBigUInt64BE(floor, 24);
  header.writeUInt32BE(count, 32);
  return header;
}

function encodeRecord({ revision, bytes, keys }: JournalRecord): EncodedRecord {
  const parts: Buffer[] = [];
  for (const key of keys) {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(Buffer.byteLength(key));
    parts.push(length, Buffer.from(key, "utf8"));
  }
  return { revision, bytes, keys: Buffer.concat(parts) };
}

function encodedLength(records: readonly EncodedRecord[]): number {
  let length = 0;
  for (const { keys, bytes } of records) length += RECORD_OVERHEAD + keys.length + bytes.length;
  return length;
}

function writeRecords(out: Uint8Array, start: number, records: readonly EncodedRecord[]): void {
  const view = viewOf(out);
  let at = start;
  for (const { revision, keys, bytes } of records) {
    view.setBigUint64(at, revision);
    view.setUint32(at + 8, keys.length);
    out.set(keys, at + 12);
    at += 12 + keys.length;
    view.setUint32(at, bytes.length);
    out.set(bytes, at + 4);
    at += 4 + bytes.length;
  }
}

function readRecords(encoded: Uint8Array, start: number): EncodedRecord[] {
  const view = viewOf(encoded);
  const records: EncodedRecord[] = [];
  for (let at = start; at < encoded.length; ) {
    const revision = view.getBigUint64(at);
    const keysEnd = at + 12 + view.getUint32(at + 8);
    const end = keysEnd + 4 + view.getUint32(keysEnd);
    const keys = encoded.subarray(at + 12, keysEnd);
    records.push({ revision, keys, bytes: encoded.subarray(keysEnd + 4, end) });
    at = end;
  }
  return records;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
