import { clone } from "@bufbuild/protobuf";
import {
  CheckpointSchema,
  DigestAccumulator,
  DriftReportSchema,
  type StoredDataset,
  type StoredDigest,
  type StoredReplica,
} from "@lockstep/protocol";
import { invariant, required } from "../apply/invariant.ts";
import { newDataset, newReplica } from "../dataset/dataset.ts";
import { keptPosition } from "../dataset/position.ts";
import { knownDataset } from "../dataset/records.ts";
import type { NamespaceState } from "../state/state.ts";
import { damaged } from "./snapshot-error.ts";

/** Puts a dataset back; its digest and its replicas follow. */
export function restoreDataset(state: NamespaceState, stored: StoredDataset): void {
  const { dataset: name, datasetId: id } = stored;
  const { datasets, sha256 } = state;
  invariant(
    datasets.get(name) === undefined && datasets.byId(id) === undefined,
    `dataset ${id} is there twice`,
  );
  const dataset = newDataset(
    {
      name,
      id,
      // Copies: what is read from a chunk would keep all of it in memory.
      salt: new Uint8Array(stored.salt),
      policy: required(stored.policy, "the policy of dataset", id),
      createdEpoch: stored.createdEpoch,
      createdAtMs: Number(stored.createdAtMs),
    },
    sha256,
  );
  dataset.policyVersion = stored.policyVersion;
  dataset.head = keptPosition(required(stored.head, "the head of dataset", id));
  dataset.floor = keptPosition(required(stored.floor, "the floor of dataset", id));
  dataset.droppedSeq = stored.droppedSeq;
  dataset.bytes = stored.bytes;
  if (stored.checkpoint !== undefined)
    dataset.checkpoint = clone(CheckpointSchema, stored.checkpoint);
  datasets.add(dataset);
}

/** Puts the digest of a dataset back. */
export function restoreDigest(state: NamespaceState, { datasetId, buckets }: StoredDigest): void {
  const dataset = knownDataset(state, datasetId);
  try {
    dataset.digest = DigestAccumulator.fromBytes(buckets, state.sha256);
  } catch (error) {
    throw damaged(`dataset ${datasetId} has no digest that can be read`, error);
  }
}

/** Puts a replica back, of which nothing has been heard in this epoch. */
export function restoreReplica(state: NamespaceState, stored: StoredReplica): void {
  const { replicas } = knownDataset(state, stored.datasetId);
  const { replica: name, generation } = stored;
  invariant(!replicas.has(name), `replica ${generation} is there twice`);
  const replica = newReplica({
    name,
    generation,
    instance: new Uint8Array(stored.instance),
    description: stored.description,
    principal: stored.principal,
    registeredAtMs: Number(stored.registeredAtMs),
  });
  replica.state = stored.state;
  replica.reportNumber = stored.reportNumber;
  if (stored.lastDrift !== undefined)
    replica.lastDrift = clone(DriftReportSchema, stored.lastDrift);
  replicas.set(name, replica);
}
