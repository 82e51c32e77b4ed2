import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { BinaryReader, BinaryWriter } from "@bufbuild/protobuf/wire";
import { type SnapshotRecord, SnapshotRecordSchema } from "@lockstep/protocol";
import { damaged } from "./snapshot-error.ts";

/** Bytes of a chunk, but for the last one. */
const SNAPSHOT_CHUNK_BYTES = 1024 * 1024;

/** Bytes of a record at most; far above what the limits of a request allow. */
const RECORD_BYTES_MAX = 16 * 1024 * 1024;

/** A length below `RECORD_BYTES_MAX` takes at most so many bytes as a varint. */
const LENGTH_BYTES_MAX = 4;

/** Writes records one behind the other, each behind its length, in chunks of `chunkBytes`. */
export function* toChunks(
  records: Iterable<SnapshotRecord["body"]>,
  chunkBytes = SNAPSHOT_CHUNK_BYTES,
): Generator<Uint8Array> {
  let chunk = new Uint8Array(chunkBytes);
  let filled = 0;
  for (const body of records) {
    const record: SnapshotRecord = { $typeName: "lockstep.storage.v1.SnapshotRecord", body };
    let rest = new BinaryWriter().bytes(toBinary(SnapshotRecordSchema, record)).finish();
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

/**
 * Reads what `toChunks` has written, wherever it is cut.
 * @throws SnapshotError when the bytes are no whole records.
 */
export function* fromChunks(chunks: Iterable<Uint8Array>): Generator<SnapshotRecord["body"]> {
  let rest = new Uint8Array();
  for (const chunk of chunks) {
    const bytes = rest.length === 0 ? chunk : joined(rest, chunk);
    let at = 0;
    for (;;) {
      const end = endOfRecord(bytes, at);
      if (end === undefined) break;
      yield decoded(bytes.subarray(end.start, end.end));
      at = end.end;
    }
    rest = bytes.slice(at);
  }
  if (rest.length > 0) throw damaged("its last record is cut off");
}

/** Where the record at a place begins behind its length, and ends; undefined when it is not all there. */
function endOfRecord(bytes: Uint8Array, at: number): { start: number; end: number } | undefined {
  let lengthEnd = at;
  while (lengthEnd < bytes.length && (bytes[lengthEnd] as number) >= 0x80) lengthEnd += 1;
  if (lengthEnd - at >= LENGTH_BYTES_MAX) throw damaged("a record is longer than any can be");
  if (lengthEnd === bytes.length) return undefined;
  const reader = new BinaryReader(bytes.subarray(at, lengthEnd + 1));
  const length = reader.uint32();
  if (length > RECORD_BYTES_MAX) throw damaged("a record is longer than any can be");
  const start = lengthEnd + 1;
  return start + length > bytes.length ? undefined : { start, end: start + length };
}

function decoded(bytes: Uint8Array): SnapshotRecord["body"] {
  try {
    return fromBinary(SnapshotRecordSchema, bytes).body;
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
