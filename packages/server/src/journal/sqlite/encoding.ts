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

/** The length of a batch without its records, bytes. */
export const BATCH_HEADER_LENGTH = 36;
const RECORD_OVERHEAD = 16;
const CHAIN_TAG = tagOf("lockstep.journal.batch.v1");

/** Encodes a batch that keeps the bounds of the port. The result owns its buffer. */
export function encodeBatch({ epoch, records }: JournalBatch, floor: bigint): Uint8Array {
  const out = Buffer.alloc(BATCH_HEADER_LENGTH + lengthOf(records));
  out.writeBigUInt64BE(records[0]?.revision ?? 0n, 0);
  out.writeBigUInt64BE(records.at(-1)?.revision ?? 0n, 8);
  out.writeBigUInt64BE(epoch, 16);
  out.writeBigUInt64BE(floor, 24);
  out.writeUInt32BE(records.length, 32);
  let at = BATCH_HEADER_LENGTH;
  for (const { revision, bytes, keys } of records) {
    out.writeBigUInt64BE(revision, at);
    const end = writeKeys(out, at + 12, keys);
    out.writeUInt32BE(end - at - 12, at + 8);
    out.writeUInt32BE(bytes.length, end);
    out.set(bytes, end + 4);
    at = end + 4 + bytes.length;
  }
  return out;
}

/** What an encoded batch says of itself. @throws RangeError when it is shorter than that */
export function decodeHeader(batch: Uint8Array): BatchHeader {
  const view = viewOf(batch);
  return {
    first: view.getBigUint64(0),
    last: view.getBigUint64(8),
    epoch: view.getBigUint64(16),
    floor: view.getBigUint64(24),
    count: view.getUint32(32),
  };
}

/** Encodes records without a batch around them. The result owns its buffer. */
export function encodeRecords(records: readonly EncodedRecord[]): Uint8Array {
  let length = 0;
  for (const { keys, bytes } of records) length += RECORD_OVERHEAD + keys.length + bytes.length;
  const out = Buffer.alloc(length);
  let at = 0;
  for (const { revision, keys, bytes } of records) {
    out.writeBigUInt64BE(revision, at);
    out.writeUInt32BE(keys.length, at + 8);
    out.set(keys, at + 12);
    at += 12 + keys.length;
    out.writeUInt32BE(bytes.length, at);
    out.set(bytes, at + 4);
    at += 4 + bytes.length;
  }
  return out;
}

/** Takes records apart again; their bytes are views of `encoded`. */
export function decodeRecords(encoded: Uint8Array): JournalRecord[] {
  const records: JournalRecord[] = [];
  for (const walk = new RecordWalk(encoded, 0); walk.next(); ) {
    const { revision, bytes } = walk.record();
    records.push({ revision, bytes, keys: [...walk.keys("utf8")] });
  }
  return records;
}

/** Goes through encoded records one by one, without taking apart those nobody asks for. */
export class RecordWalk {
  readonly #encoded: Buffer;
  #keysAt = 0;
  #keysEnd = 0;
  #end: number;

  /** @param start where the first record begins */
  constructor(encoded: Uint8Array, start = BATCH_HEADER_LENGTH) {
    this.#encoded = Buffer.from(encoded.buffer, encoded.byteOffset, encoded.byteLength);
    this.#end = start;
  }

  /** Goes to the next record. Returns whether there is one. @throws RangeError when it is cut off */
  next(): boolean {
    const at = this.#end;
    if (at === this.#encoded.length) return false;
    this.#keysAt = at + 12;
    this.#keysEnd = this.#keysAt + this.#encoded.readUInt32BE(at + 8);
    this.#end = this.#keysEnd + 4 + this.#encoded.readUInt32BE(this.#keysEnd);
    if (this.#end > this.#encoded.length) throw new RangeError("a record is cut off");
    return true;
  }

  revision(): bigint {
    return this.#encoded.readBigUInt64BE(this.#keysAt - 12);
  }

  /** The record; views of what is walked through. */
  record(): EncodedRecord {
    const keys = this.#encoded.subarray(this.#keysAt, this.#keysEnd);
    const bytes = this.#encoded.subarray(this.#keysEnd + 4, this.#end);
    return { revision: this.revision(), keys, bytes };
  }

  /**
   * Its keys, as they were written. In latin1 each byte is a character, which is cheaper, and keeps
   * the order of bytes.
   * @throws RangeError when one is longer than the record says
   */
  *keys(as: "latin1" | "utf8"): Generator<string> {
    for (let at = this.#keysAt; at < this.#keysEnd; ) {
      const end = at + 4 + this.#encoded.readUInt32BE(at);
      if (end > this.#keysEnd) throw new RangeError("a key is longer than its record says");
      yield this.#encoded.toString(as, at + 4, end);
      at = end;
    }
  }
}

/** The chain hash of an encoded batch. */
export function chainHash(previous: Uint8Array, batch: Uint8Array): Uint8Array {
  return createHash("sha256").update(CHAIN_TAG).update(previous).update(batch).digest();
}

/** What sets a hash apart from those of other things: a name and its length. */
export function tagOf(name: string): Uint8Array {
  const tag = Buffer.alloc(4 + name.length);
  tag.writeUInt32BE(name.length);
  tag.write(name, 4, "latin1");
  return tag;
}

function lengthOf(records: readonly JournalRecord[]): number {
  let length = 0;
  for (const { bytes, keys } of records) {
    length += RECORD_OVERHEAD + bytes.length;
    for (const key of keys) length += 4 + Buffer.byteLength(key);
  }
  return length;
}

/** Returns where they end. */
function writeKeys(out: Buffer, start: number, keys: readonly string[]): number {
  let at = start;
  for (const key of keys) {
    const length = out.write(key, at + 4, "utf8");
    out.writeUInt32BE(length, at);
    at += 4 + length;
  }
  return at;
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
