import type { Checkpoint, Dataset as DatasetMessage, Replica } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Dataset, ReplicaRecord } from "./dataset.ts";
import { inSyncOf, isInSync } from "./in-sync.ts";

/** A dataset as an operator sees it. */
export function datasetView(dataset: Dataset, now: Now): DatasetMessage {
  return {
    $typeName: "lockstep.v1.Dataset",
    dataset: dataset.name,
    datasetId: dataset.id,
    policy: dataset.policy,
    policyVersion: dataset.policyVersion,
    headSeq: dataset.head.seq,
    floorSeq: dataset.floor.seq,
    droppedSeq: dataset.droppedSeq,
    count: BigInt(dataset.digest.count),
    bytes: dataset.bytes,
    createdEpoch: dataset.createdEpoch,
    createdAtMs: BigInt(dataset.createdAtMs),
    ...(dataset.checkpoint === undefined ? {} : { checkpoint: dataset.checkpoint }),
    replicaCount: dataset.replicas.size,
    inSyncCount: inSyncOf(dataset, now).length,
  };
}

/** What a correct replica must have at the head. */
export function checkpointAtHead({ head, digest }: Dataset): Checkpoint {
  return {
    $typeName: "lockstep.v1.Checkpoint",
    seq: head.seq,
    logHash: head.logHash,
    count: BigInt(digest.count),
    root: digest.root(),
  };
}

/** A replica as an operator sees it. */
export function replicaView(
  { epochStartedAtMs }: NamespaceState,
  dataset: Dataset,
  replica: ReplicaRecord,
  now: Now,
): Replica {
  const { head, headTimes } = dataset;
  const { appliedSeq, lastDrift, leaseUntilMs } = replica;
  const passedAtMs = appliedSeq < head.seq ? headTimes.passedAtMs(appliedSeq) : now.monotonicMs;
  return {
    $typeName: "lockstep.v1.Replica",
    replica: replica.name,
    generation: replica.generation,
    description: replica.description,
    principal: replica.principal,
    registeredAtMs: BigInt(replica.registeredAtMs),
    state: replica.state,
    appliedSeq,
    verifiedSeq: replica.verifiedSeq,
    lagChanges: head.seq - appliedSeq,
    lagMs: BigInt(Math.ceil(now.monotonicMs - (passedAtMs ?? epochStartedAtMs))),
    inSync: isInSync(dataset, replica, now),
    leaseRemainingMs: BigInt(Math.max(0, Math.ceil(leaseUntilMs - now.monotonicMs))),
    ...(lastDrift === undefined ? {} : { lastDrift }),
  };
}
