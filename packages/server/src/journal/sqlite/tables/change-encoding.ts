import type { Change } from "@lockstep/protocol";
import { ByteReader, type ByteWriter } from "./bytes.ts";

/**
 * The changes of an append as the table keeps them, so that they come back byte by byte whatever version reads them.
 *
 * ```
 * changes = (length u32 | change) × any
 * change  = version u8, 1 | seq u64 | timestamp i64 | op u8 | schema version u32
 *           | origin | idempotency key | correlation id | key | value, each behind its length u32
 * ```
 */
const VERSION = 1;

export function writeChanges(
  writer: ByteWriter,
  changes: readonly { readonly change: Change }[],
): void {
  for (const { change } of changes) {
    const begun = writer.begin();
    writeChange(writer, change);
    writer.end(begun);
  }
}

/** The changes of an append, each still encoded; views. @throws RangeError when the bytes are none */
export function splitChanges(bytes: Uint8Array): Uint8Array[] {
  const changes: Uint8Array[] = [];
  for (const reader = new ByteReader(bytes); !reader.isAtEnd; ) changes.push(reader.bytes());
  return changes;
}

function writeChange(writer: ByteWriter, change: Change): void {
  writer.u8(VERSION);
  writer.u64(change.seq);
  writer.i64(change.timestampMs);
  writer.u8(change.op);
  writer.u32(change.schemaVersion);
  writer.text(change.origin);
  writer.text(change.idempotencyKey);
  writer.text(change.correlationId);
  writer.bytes(change.key);
  writer.bytes(change.value);
}

/** @throws RangeError when the bytes are none */
export function readChange(bytes: Uint8Array): Change {
  const reader = new ByteReader(bytes);
  if (reader.u8() !== VERSION) throw new RangeError("a change is of a version nobody knows here");
  return {
    $typeName: "lockstep.v1.Change",
    seq: reader.u64(),
    timestampMs: reader.i64(),
    op: reader.u8(),
    schemaVersion: reader.u32(),
    origin: reader.text(),
    idempotencyKey: reader.text(),
    correlationId: reader.text(),
    key: reader.bytes(),
    value: reader.bytes(),
  };
}
