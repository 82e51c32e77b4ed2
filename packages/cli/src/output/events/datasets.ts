import {
  type Appended,
  type DatasetCheckpointed,
  type DatasetCreated,
  type DatasetDeleted,
  type DatasetUpdated,
  DriftAction,
  type DriftReported,
  type LogTrimmed,
  type ReplicaRegistered,
  ReplicaState,
  type ReplicaStateChanged,
  type ReplicaUnregistered,
} from "@lockstep/protocol";
import type { Facts } from "./facts.ts";

/** Events of datasets and of their replicas. */
export const datasetEvents = {
  datasetCreated: ({ dataset, datasetId }: DatasetCreated): Facts => ({
    dataset,
    id: String(datasetId),
  }),
  datasetUpdated: ({ dataset, version, seq }: DatasetUpdated): Facts => ({
    dataset,
    version: String(version),
    seq: String(seq),
  }),
  datasetDeleted: ({ dataset, datasetId }: DatasetDeleted): Facts => ({
    dataset,
    id: String(datasetId),
  }),
  appended: ({ dataset, firstSeq, lastSeq }: Appended): Facts => ({
    dataset,
    seq: firstSeq === lastSeq ? String(lastSeq) : `${firstSeq}-${lastSeq}`,
  }),
  datasetCheckpointed: ({ dataset, checkpoint }: DatasetCheckpointed): Facts => ({
    dataset,
    seq: String(checkpoint?.seq ?? 0n),
    count: String(checkpoint?.count ?? 0n),
    root: Buffer.from(checkpoint?.root ?? []).toString("hex"),
  }),
  logTrimmed: ({ dataset, floor }: LogTrimmed): Facts => ({
    dataset,
    floor: String(floor?.seq ?? 0n),
  }),
  replicaRegistered: (event: ReplicaRegistered): Facts => replicaFacts(event),
  replicaUnregistered: (event: ReplicaUnregistered): Facts => replicaFacts(event),
  replicaStateChanged: ({ state, appliedSeq, ...event }: ReplicaStateChanged): Facts => ({
    ...replicaFacts(event),
    state: ReplicaState[state] ?? String(state),
    applied: String(appliedSeq),
  }),
  driftReported: ({ report, ...event }: DriftReported): Facts => ({
    ...replicaFacts(event),
    missing: String(report?.missing ?? 0n),
    extra: String(report?.extra ?? 0n),
    divergent: String(report?.divergent ?? 0n),
    action: DriftAction[report?.action ?? DriftAction.UNSPECIFIED] ?? "",
  }),
};

function replicaFacts({
  dataset,
  replica,
  generation,
}: Pick<ReplicaRegistered, "dataset" | "replica" | "generation">): Facts {
  return { dataset, replica, generation: String(generation) };
}
