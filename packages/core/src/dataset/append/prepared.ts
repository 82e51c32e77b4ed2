import type { ContentHashes, NewChange, Sha256 } from "@lockstep/protocol";
import type { Dataset } from "../dataset.ts";

/** A change of a batch with its hashes. */
export interface PreparedChange extends ContentHashes {
  /** Its place in the batch. */
  readonly index: number;
  readonly change: NewChange;
  /** What makes a repeat the same; undefined without an idempotency key. */
  readonly payloadHash: Uint8Array | undefined;
}

const HASH_BYTES = 32;
const VERSION_AT = 1;
const KEY_AT = VERSION_AT + 4;
const VALUE_AT = KEY_AT + HASH_BYTES;

/** Computes what is needed of each change whatever becomes of it. */
export function prepared(
  { batchHasher }: Dataset,
  changes: readonly NewChange[],
  sha256: Sha256,
): readonly PreparedChange[] {
  return batchHasher.contents(changes).map(({ keyHash, valueHash }, index) => {
    const change = changes[index] as NewChange;
    const isRecognised = change.idempotencyKey !== "";
    const payloadHash = isRecognised ? sha256(payloadOf(change, keyHash, valueHash)) : undefined;
    return { index, change, keyHash, valueHash, payloadHash };
  });
}

/** `u8(op) ‖ u32(schema_version) ‖ key_hash ‖ value_hash`, or zeros for a delete. */
function payloadOf(
  { op, schemaVersion }: NewChange,
  keyHash: Uint8Array,
  valueHash: Uint8Array | undefined,
): Uint8Array {
  const payload = new Uint8Array(VALUE_AT + HASH_BYTES);
  payload[0] = op;
  new DataView(payload.buffer).setUint32(VERSION_AT, schemaVersion);
  payload.set(keyHash, KEY_AT);
  if (valueHash !== undefined) payload.set(valueHash, VALUE_AT);
  return payload;
}
