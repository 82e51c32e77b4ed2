import { ChangeOp, type NewChange, type Sha256 } from "@lockstep/protocol";
import type { Dataset } from "../dataset.ts";

/** A change of a batch with its hashes. */
export interface PreparedChange {
  /** Its place in the batch. */
  readonly index: number;
  readonly change: NewChange;
  readonly keyHash: Uint8Array;
  /** Undefined of a delete. */
  readonly valueHash: Uint8Array | undefined;
  /** What makes a repeat the same; undefined without an idempotency key. */
  readonly payloadHash: Uint8Array | undefined;
}

const HASH_BYTES = 32;
const VERSION_AT = 1;
const KEY_AT = VERSION_AT + 4;
const VALUE_AT = KEY_AT + HASH_BYTES;

/** Computes what is needed of each change whatever becomes of it. */
export function prepared(
  { hasher }: Dataset,
  changes: readonly NewChange[],
  sha256: Sha256,
): readonly PreparedChange[] {
  return changes.map((change, index) => {
    const keyHash = hasher.keyHash(change.key);
    const valueHash = change.op === ChangeOp.DELETE ? undefined : hasher.valueHash(change.value);
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
