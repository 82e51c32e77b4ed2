import { ReplicaState } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { Dataset, ReplicaRecord } from "./dataset.ts";

/** The replicas that are in sync, in no particular order. */
export function inSyncOf(dataset: Dataset, now: Now): readonly ReplicaRecord[] {
  const wanted = inSyncFrom(dataset, now);
  return [...dataset.replicas.values()].filter((replica) => isAtLeast(replica, wanted, now));
}

/** Whether a replica is in sync. */
export function isInSync(dataset: Dataset, replica: ReplicaRecord, now: Now): boolean {
  return isAtLeast(replica, inSyncFrom(dataset, now), now);
}

/** Up to where a replica must have applied to be in sync. */
function inSyncFrom({ headTimes, settings }: Dataset, now: Now): bigint {
  return headTimes.headAt(now.monotonicMs - settings.maxSyncLagMs);
}

function isAtLeast(
  { state, leaseUntilMs, appliedSeq }: ReplicaRecord,
  seq: bigint,
  { monotonicMs }: Now,
): boolean {
  return state === ReplicaState.OK && monotonicMs <= leaseUntilMs && appliedSeq >= seq;
}
