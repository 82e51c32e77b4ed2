import { ErrorReason } from "@lockstep/protocol";
import { invariant } from "../apply/invariant.ts";
import type { Facts } from "../decide/decision.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Dataset, ReplicaRecord } from "./dataset.ts";
import { datasetUnknown } from "./refusals.ts";
import type { RowFacts } from "./rows.ts";

/**
 * The dataset of a name.
 * @throws Refusal DATASET_UNKNOWN when there is none.
 */
export function datasetOf({ datasets }: NamespaceState, name: string): Dataset {
  const dataset = datasets.get(name);
  if (dataset === undefined) throw datasetUnknown(name);
  return dataset;
}

/**
 * The dataset of an id.
 * @throws Refusal DATASET_UNKNOWN when it is gone.
 */
export function datasetById({ datasets }: NamespaceState, id: bigint): Dataset {
  const dataset = datasets.byId(id);
  if (dataset === undefined) throw datasetUnknown(`with the id ${id}`);
  return dataset;
}

/**
 * The replica of a name, when the generation that calls is in force.
 * @throws Refusal REPLICA_UNKNOWN, REPLICA_SUPERSEDED.
 */
export function replicaOf({ replicas }: Dataset, name: string, generation: bigint): ReplicaRecord {
  const replica = replicas.get(name);
  // A later generation than the one that is known was given by a history that was lost: a backup was restored.
  if (replica === undefined || replica.generation < generation)
    throw new Refusal(
      RefusalCode.NOT_FOUND,
      ErrorReason.REPLICA_UNKNOWN,
      `there is no replica ${JSON.stringify(name)} of this dataset: register it first`,
    );
  if (replica.generation !== generation)
    throw new Refusal(
      RefusalCode.FAILED_PRECONDITION,
      ErrorReason.REPLICA_SUPERSEDED,
      `generation ${replica.generation} of replica ${JSON.stringify(name)} is in force, not ${generation}: another process took over`,
      { generation: String(replica.generation) },
    );
  return replica;
}

/** What is known of the rows that an operation on a dataset names. */
export function rowsFor({ rows }: Facts, { id }: Dataset): RowFacts {
  invariant(rows?.datasetId === id, () => `the rows of dataset ${id} were not read`);
  return rows as RowFacts;
}
