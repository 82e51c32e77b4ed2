import {
  compareNames,
  type SnapshotRecord,
  type StoredDataset,
  type StoredReplica,
} from "@lockstep/protocol";
import type { Dataset, ReplicaRecord } from "../dataset/dataset.ts";
import { positionMessage } from "../dataset/position.ts";
import type { NamespaceState } from "../state/state.ts";

/** Everything of datasets that is kept in memory: themselves, then their digests, then their replicas. */
export function* datasetRecords({ datasets }: NamespaceState): Generator<SnapshotRecord["body"]> {
  const all = datasets.values();
  for (const dataset of all) yield { case: "dataset", value: datasetMessage(dataset) };
  for (const { id, digest } of all) {
    yield {
      case: "digest",
      value: {
        $typeName: "lockstep.storage.v1.StoredDigest",
        datasetId: id,
        buckets: digest.toBytes(),
      },
    };
  }
  for (const { id, replicas } of all) {
    const byName = [...replicas.values()].sort((a, b) => compareNames(a.name, b.name));
    for (const replica of byName) yield { case: "replica", value: replicaMessage(id, replica) };
  }
}

function datasetMessage(dataset: Dataset): StoredDataset {
  const { checkpoint } = dataset;
  return {
    $typeName: "lockstep.storage.v1.StoredDataset",
    dataset: dataset.name,
    datasetId: dataset.id,
    salt: dataset.salt,
    createdEpoch: dataset.createdEpoch,
    createdAtMs: BigInt(dataset.createdAtMs),
    policy: dataset.policy,
    policyVersion: dataset.policyVersion,
    head: positionMessage(dataset.head),
    floor: positionMessage(dataset.floor),
    droppedSeq: dataset.droppedSeq,
    bytes: dataset.bytes,
    ...(checkpoint === undefined ? {} : { checkpoint }),
  };
}

function replicaMessage(datasetId: bigint, replica: ReplicaRecord): StoredReplica {
  const { lastDrift } = replica;
  return {
    $typeName: "lockstep.storage.v1.StoredReplica",
    datasetId,
    replica: replica.name,
    generation: replica.generation,
    instance: replica.instance,
    description: replica.description,
    principal: replica.principal,
    registeredAtMs: BigInt(replica.registeredAtMs),
    state: replica.state,
    reportNumber: replica.reportNumber,
    ...(lastDrift === undefined ? {} : { lastDrift }),
  };
}
