import { bucketOf, type Change, ChangeOp, type JournaledChange } from "@lockstep/protocol";
import { textOf } from "../bytes.ts";
import type { Dataset } from "../dataset.ts";
import type { RowFacts } from "../rows.ts";
import type { PreparedChange } from "./prepared.ts";

/** What the changes of a batch have in common. */
export interface BatchOrigin {
  readonly origin: string;
  readonly correlationId: string;
  readonly timestampMs: bigint;
}

/** A batch as it will stand in the log. */
export interface Written {
  readonly changes: readonly JournaledChange[];
  readonly logHash: Uint8Array;
  /** What keys and values of all live rows take after it. */
  readonly bytes: bigint;
}

const NO_BYTES = new Uint8Array();

/** Numbers new changes and computes what they do to rows and digest. Changes of one key see one another. */
export function writtenBy(
  dataset: Dataset,
  rows: RowFacts,
  fresh: readonly PreparedChange[],
  common: BatchOrigin,
): Written {
  const before = new Map<string, LiveRow | undefined>();
  const { seq, logHash } = dataset.head;
  let { bytes } = dataset;
  const logged = fresh.map((one, at) => changeOf(one, seq + BigInt(at + 1), common));
  const { entryHashes, logHashes } = dataset.batchHasher.logged(logged, fresh, logHash);
  const changes = logged.map((change, at): JournaledChange => {
    const { key, value } = change;
    const { keyHash, payloadHash } = fresh[at] as PreparedChange;
    const entryHash = entryHashes[at];
    const text = textOf(key);
    const old = before.has(text) ? before.get(text) : rows.head(key);
    const row = entryHash && { entryHash, bytes: key.length + value.length };
    before.set(text, row);
    bytes += BigInt((row?.bytes ?? 0) - (old?.bytes ?? 0));
    return {
      $typeName: "lockstep.v1.JournaledChange",
      change,
      bucket: bucketOf(keyHash),
      oldEntryHash: old?.entryHash ?? NO_BYTES,
      entryHash: row?.entryHash ?? NO_BYTES,
      oldBytes: BigInt(old?.bytes ?? 0),
      payloadHash: payloadHash ?? NO_BYTES,
    };
  });
  return { changes, logHash: logHashes.at(-1) ?? logHash, bytes };
}

interface LiveRow {
  readonly entryHash: Uint8Array;
  readonly bytes: number;
}

function changeOf({ change }: PreparedChange, seq: bigint, common: BatchOrigin): Change {
  const { op, key, value, schemaVersion, idempotencyKey } = change;
  return {
    $typeName: "lockstep.v1.Change",
    seq,
    ...common,
    idempotencyKey,
    schemaVersion,
    op,
    key,
    value: op === ChangeOp.DELETE ? NO_BYTES : value,
  };
}
