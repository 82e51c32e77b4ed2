import { ChangeOp, type Event, type JournaledChange } from "@lockstep/protocol";
import type { RowWrite } from "./rows.ts";

const NONE: readonly RowWrite[] = Object.freeze([]);

/** What an event writes into the journal's tables: rows, changes, idempotency keys and checkpoints. */
export function rowsOf({ body, journalOnly, decidedAtMs }: Event): readonly RowWrite[] {
  switch (body.case) {
    case "appended":
    case "datasetUpdated": {
      const { datasetId, logHash } = body.value;
      const changes = journalOnly?.changes ?? [];
      const last = changes.length - 1;
      return changes.flatMap((change, at) =>
        writesOf(datasetId, change, at === last ? logHash : undefined),
      );
    }
    case "datasetCheckpointed": {
      const { datasetId, checkpoint } = body.value;
      if (checkpoint === undefined) return NONE;
      return [{ kind: "checkpoint", datasetId, checkpoint, decidedAtMs: BigInt(decidedAtMs) }];
    }
    default:
      return NONE;
  }
}

function writesOf(
  datasetId: bigint,
  { change, bucket, oldEntryHash, entryHash, payloadHash }: JournaledChange,
  logHash: Uint8Array | undefined,
): readonly RowWrite[] {
  if (change === undefined) return NONE;
  const { seq, key, value, schemaVersion, idempotencyKey, timestampMs } = change;
  const writes: RowWrite[] = [{ kind: "change", datasetId, change, logHash }];
  if (change.op === ChangeOp.PUT)
    writes.push({
      kind: "put",
      datasetId,
      row: { key, value, seq, schemaVersion, bucket, entryHash },
    });
  if (change.op === ChangeOp.DELETE && oldEntryHash.length > 0)
    writes.push({ kind: "delete", datasetId, key });
  if (idempotencyKey !== "")
    writes.push({
      kind: "record",
      datasetId,
      idempotencyKey,
      record: { seq, payloadHash },
      timestampMs,
    });
  return writes;
}
