import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { type SnapshotRecord, SnapshotRecordSchema } from "@lockstep/protocol";
import { HOLD_TAG, readPlainHold, writePlainHold } from "./hold-wire.ts";
import { damaged } from "./snapshot-error.ts";

/** Bytes of a chunk, but for the last one. */
const SNAPSHOT_CHUNK_BYTES = 1024 * 1024;

/** Bytes of a record at most; far above what the limits of a request allow. */
const RECORD_BYTES_MAX = 16 * 1024 * 1024;

/** A length below `RECORD_BYTES_MAX` takes at most so many bytes as a varint. */
const LENGTH_BYTES_MAX = 4;

/** How many records are encoded one behind the other before they are cut into chunks. */
const RECORDS_AT_ONCE = 64;

/** Writes records one behind the other, each behind its length, in chunks of `chunkBytes`. */
export function* toChunks(
  records: Iterable<SnapshotRecord["body"]>,
  chunkBytes = SNAPSHOT_CHUNK_BYTES,
): Generator<Uint8Array> {
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  for (let rest of encoded(records)) {
    while (rest.length > chunkBytes - filled) {
      chunk.set(rest.subarray(0, chunkBytes - filled), filled);
      rest = rest.subarray(chunkBytes - filled);
      yield chunk;
      chunk = new Uint8Array(chunkBytes);
      filled = 0;
    }
    chunk.set(rest, filled);
    filled += rest.length;
  }
  if (filled > 0) yield chunk.subarray(0, filled);
}

/** The bytes of the records, of some at a time. */
function* encoded(records: Iterable<SnapshotRecord["body"]>): Generator<Uint8Array> {
  const writer = new BinaryWriter();
  let count = 0;
  for (const body of records) {
    if (body.case !== "hold" || !writePlainHold(writer, body.value)) {
      const record: SnapshotRecord = { $typeName: "lockstep.storage.v1.SnapshotRecord", body };
      writer.bytes(toBinary(SnapshotRecordSchema, record));
    }
    count += 1;
    if (count % RECORDS_AT_ONCE === 0) yield writer.finish();
  }
  yield writer.finish();
}

/**
 * Reads what `toChunks` has written, wherever it is cut.
 * @throws SnapshotError when the bytes are no whole records.
 */
export function* fromChunks(chunks: Iterable<Uint8Array>): Generator<SnapshotRecord["body"]> {
  let rest = new Uint8Array();
  for (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : joined(rest, chunk);
    const reader = new BinaryReader(bytes);
    let at = 0;
    for (;;) {
      const start = endOfLength(bytes, at);
      if (start === undefined) break;
      reader.pos = at;
      const length = reader.uint32();
      if (length > RECORD_BYTES_MAX) throw damaged("a record is longer than any can be");
      if (start + length > bytes.length) break;
      at = start + length;
      yield decoded(reader, bytes, at);
    }
    rest = bytes.slice(at);
  }
  if (rest.length > 0) throw damaged("its last record is cut off");
}

/** Where the length at a place ends; undefined when it is not all there. */
function endOfLength(bytes: Uint8Array, at: number): number | undefined {
  let lengthEnd = at;
  while (lengthEnd < bytes.length && (bytes[lengthEnd] as number) >= 0x80) lengthEnd += 1;
  if (lengthEnd - at >= LENGTH_BYTES_MAX) throw damaged("a record is longer than any can be");
  return lengthEnd === bytes.length ? undefined : lengthEnd + 1;
}

/** The record at the place of the reader. */
function decoded(reader: BinaryReader, bytes: Uint8Array, end: number): SnapshotRecord["body"] {
  const start = reader.pos;
  try {
    const hold = bytes[start] === HOLD_TAG ? readPlainHold(reader, end) : undefined;
    if (hold !== undefined) return { case: "hold", value: hold };
    return fromBinary(SnapshotRecordSchema, bytes.subarray(start, end)).body;
  } catch (error) {
    throw damaged("a record cannot be decoded", error);
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(a.length + b.length);
  bytes.set(a);
  bytes.set(b, a.length);
  return bytes;
}
