import { ErrorReason } from "@lockstep/protocol";
import { Refusal, RefusalCode } from "../refusal.ts";
import { hexOf } from "./bytes.ts";

/** The namespace has no such dataset. */
export function datasetUnknown(name: string): Refusal {
  return new Refusal(
    RefusalCode.NOT_FOUND,
    ErrorReason.DATASET_UNKNOWN,
    `there is no dataset ${JSON.stringify(name)} in this namespace: check the name, or create it first`,
  );
}

/** A position is none of the log. */
export function logDiverged(what: string, headSeq: bigint): Refusal {
  return new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    ErrorReason.LOG_DIVERGED,
    `${what} is none of this log, whose head is at ${headSeq}: one side was restored to an older state, or the dataset was made anew`,
    { head_seq: String(headSeq) },
  );
}

/** The log does not reach back so far, or a snapshot cannot be resumed. */
export function compacted(what: string, floor: bigint): Refusal {
  return new Refusal(
    RefusalCode.OUT_OF_RANGE,
    ErrorReason.COMPACTED,
    `${what}: the log reaches back to ${floor} only; start over with a snapshot`,
    { floor: String(floor) },
  );
}

/** Something stored is not what was written. */
export function datasetDamaged(
  dataset: string,
  where: { bucket: number; key: Uint8Array | undefined },
  problem: string,
): Refusal {
  return new Refusal(
    RefusalCode.DATA_LOSS,
    ErrorReason.DATASET_DAMAGED,
    `bucket ${where.bucket} of dataset ${JSON.stringify(dataset)} is damaged: ${problem}; restore it from a replica or a backup`,
    {
      dataset,
      bucket: String(where.bucket),
      ...(where.key === undefined ? {} : { key: hexOf(where.key) }),
    },
  );
}
