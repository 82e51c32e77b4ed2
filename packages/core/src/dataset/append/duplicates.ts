import { type AppendRequest, ErrorReason } from "@lockstep/protocol";
import { Refusal, RefusalCode } from "../../refusal.ts";
import { sameBytes } from "../bytes.ts";
import type { Dataset } from "../dataset.ts";
import { logDiverged } from "../refusals.ts";
import type { RowFacts } from "../rows.ts";
import type { PreparedChange } from "./prepared.ts";

/**
 * Which changes of a batch were appended before: their seqs by their places in the batch.
 * @throws Refusal IDEMPOTENCY_CONFLICT, IDEMPOTENCY_EXPIRED, LOG_DIVERGED.
 */
export function duplicatesOf(
  dataset: Dataset,
  rows: RowFacts,
  changes: readonly PreparedChange[],
  { sinceSeq }: AppendRequest,
): ReadonlyMap<number, bigint> {
  const duplicates = new Map<number, bigint>();
  let unknown: PreparedChange | undefined;
  for (const one of changes) {
    const { index, change, payloadHash } = one;
    if (payloadHash === undefined) continue;
    const record = rows.record(change.idempotencyKey);
    if (record === undefined) {
      unknown ??= one;
      continue;
    }
    if (!sameBytes(record.payloadHash, payloadHash)) throw conflict(one, record.seq);
    duplicates.set(index, record.seq);
  }
  if (unknown === undefined || sinceSeq === undefined) return duplicates;
  if (sinceSeq < dataset.droppedSeq) throw expired(unknown, dataset.droppedSeq);
  if (sinceSeq > dataset.head.seq) throw logDiverged(`seq ${sinceSeq}`, dataset.head.seq);
  return duplicates;
}

function conflict({ index, change }: PreparedChange, seq: bigint): Refusal {
  return new Refusal(
    RefusalCode.INVALID_ARGUMENT,
    ErrorReason.IDEMPOTENCY_CONFLICT,
    `change ${index} has the idempotency key of change ${seq}, and other content: give it a key of its own`,
    { index: String(index), idempotency_key: change.idempotencyKey, seq: String(seq) },
  );
}

function expired({ index, change }: PreparedChange, droppedSeq: bigint): Refusal {
  return new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    ErrorReason.IDEMPOTENCY_EXPIRED,
    `whether change ${index} was appended before is not known any more: compare with the rows, then append without since_seq what is missing`,
    {
      dropped_seq: String(droppedSeq),
      index: String(index),
      idempotency_key: change.idempotencyKey,
    },
  );
}
