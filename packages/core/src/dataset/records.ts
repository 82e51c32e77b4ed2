import { InvariantError, required } from "../apply/invariant.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Dataset, ReplicaRecord } from "./dataset.ts";

/** The dataset that an event names. */
export function knownDataset({ datasets }: NamespaceState, id: bigint): Dataset {
  return required(datasets.byId(id), "dataset", id);
}

/** The replica that an event names. */
export function knownReplica(
  { name, replicas }: Dataset,
  replica: string,
  generation: bigint,
): ReplicaRecord {
  const record = replicas.get(replica);
  if (record?.generation === generation) return record;
  throw new InvariantError(
    `generation ${generation} of ${JSON.stringify(replica)} is not in force at ${JSON.stringify(name)}`,
  );
}
