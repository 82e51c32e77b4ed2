import type { RowWrite, StoredRow } from "@lockstep/core";
import { type Change, ChangeOp } from "@lockstep/protocol";

/** The dataset of the tests. */
export const DATASET = 7n;

/** Bytes of a text. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** A row that says its seq; its bucket is its first byte. */
export function row(key: string, seq: bigint, value = `value ${seq}`): StoredRow {
  return {
    key: bytesOf(key),
    value: bytesOf(value),
    seq,
    schemaVersion: Number(seq) + 1,
    bucket: key.charCodeAt(0),
    entryHash: hash(seq),
  };
}

/** A hash that says its seq. */
export function hash(seq: bigint): Uint8Array {
  return new Uint8Array(32).fill(Number(seq % 251n) + 1);
}

/** What puts a row. */
export function put(key: string, seq: bigint, value?: string): RowWrite {
  return { datasetId: DATASET, kind: "put", row: row(key, seq, value) };
}

/** What deletes a row. */
export function remove(key: string): RowWrite {
  return { datasetId: DATASET, kind: "delete", key: bytesOf(key) };
}

/** A change; with `end` it is the last of its batch. */
export function change(seq: bigint, end = true, value = "a value"): RowWrite {
  return {
    datasetId: DATASET,
    kind: "change",
    change: changeOf(seq, value),
    logHash: end ? hash(seq) : undefined,
  };
}

/** What every field of a change comes back as. */
export function changeOf(seq: bigint, value = "a value"): Change {
  return {
    $typeName: "lockstep.v1.Change",
    seq,
    timestampMs: 1_700_000_000_000n + seq,
    origin: "ürsprung/😀",
    idempotencyKey: seq % 2n === 0n ? "" : `id ${seq}`,
    schemaVersion: 4_000_000_000,
    correlationId: "c",
    op: ChangeOp.PUT,
    key: bytesOf("\u0000\u00ff"),
    value: bytesOf(value),
  };
}

/** That the change of a seq was appended under a key. */
export function recorded(idempotencyKey: string, seq: bigint, timestampMs = 1_000n): RowWrite {
  return {
    datasetId: DATASET,
    kind: "record",
    idempotencyKey,
    record: { seq, payloadHash: hash(seq) },
    timestampMs,
  };
}

/** A checkpoint. */
export function checkpoint(seq: bigint, decidedAtMs = 1_000n): RowWrite {
  return {
    datasetId: DATASET,
    kind: "checkpoint",
    checkpoint: {
      $typeName: "lockstep.v1.Checkpoint",
      seq,
      logHash: hash(seq),
      count: seq * 2n,
      root: hash(seq + 1n),
    },
    decidedAtMs,
  };
}
