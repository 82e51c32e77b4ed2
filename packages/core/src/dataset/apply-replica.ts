import { clone } from "@bufbuild/protobuf";
import {
  type DriftReported,
  DriftReportSchema,
  type Event,
  type ReplicaRegistered,
  type ReplicaStateChanged,
  type ReplicaUnregistered,
} from "@lockstep/protocol";
import { invariant } from "../apply/invariant.ts";
import type { NamespaceState } from "../state/state.ts";
import { newReplica } from "./dataset.ts";
import { knownDataset, knownReplica } from "./records.ts";

/** Starts a generation, which knows nothing of the one before. */
export function applyReplicaRegistered(
  state: NamespaceState,
  { revision, actor, decidedAtMs, journalOnly }: Event,
  { datasetId, replica: name, generation, description }: ReplicaRegistered,
): void {
  const { replicas } = knownDataset(state, datasetId);
  invariant(generation === revision, `generation ${generation} is not numbered by its event`);
  const replica = newReplica({
    name,
    generation,
    instance: new Uint8Array(journalOnly?.instance ?? []),
    description,
    principal: actor,
    registeredAtMs: Number(decidedAtMs),
  });
  replicas.set(name, replica);
}

export function applyReplicaUnregistered(
  state: NamespaceState,
  { datasetId, replica, generation }: ReplicaUnregistered,
): void {
  const dataset = knownDataset(state, datasetId);
  dataset.replicas.delete(knownReplica(dataset, replica, generation).name);
}

export function applyReplicaStateChanged(
  state: NamespaceState,
  { datasetId, replica, generation, state: said }: ReplicaStateChanged,
): void {
  knownReplica(knownDataset(state, datasetId), replica, generation).state = said;
}

export function applyDriftReported(
  state: NamespaceState,
  { datasetId, replica, generation, reportNumber, report }: DriftReported,
): void {
  const record = knownReplica(knownDataset(state, datasetId), replica, generation);
  invariant(
    reportNumber > record.reportNumber,
    `drift report ${reportNumber} cannot follow ${record.reportNumber}`,
  );
  record.reportNumber = reportNumber;
  // A copy: what was decoded keeps all that was read with it.
  record.lastDrift = report === undefined ? undefined : clone(DriftReportSchema, report);
}
