import { DATASET_OPERATIONS, FENCE_KEYS } from "../actions/dataset-operations.ts";
import { REPLICA_FAULTS } from "../actions/replica-faults.ts";
import type { Chance } from "../chance.ts";
import type { Action, Config, DatasetSettings } from "./config.ts";
import { drawActions, drawClock, someOf } from "./draw-parts.ts";

/** How many runs have a dataset with replicas. */
const REPLICATED_SHARE = 0.2;
/** How often a kind of fault takes part in such a run at all. */
const FAULT_SHARE = 0.6;

/** A policy under which nothing is dropped. */
export const PLAIN_DATASET: DatasetSettings = {
  checkpointChanges: 10,
  checkpointIntervalMs: 1_000,
  retentionChanges: 0,
  maxSyncLagMs: 10_000,
  fenceKey: "",
};

/** The replicas of a run, if it has any, and the policy of what they follow. */
export function drawReplicas(chance: Chance): Pick<Config, "replicas" | "dataset"> {
  if (!chance.yes(REPLICATED_SHARE)) return { replicas: [], dataset: PLAIN_DATASET };
  const replicas = Array.from({ length: chance.whole(1, 3) }, () => ({
    clock: drawClock(chance),
    diskMs: chance.pick([0.1, 5, 200]),
    parks: chance.yes(0.6),
    attach: chance.yes(0.5),
  }));
  const dataset = {
    checkpointChanges: chance.pick([1, 5, 10_000]),
    checkpointIntervalMs: chance.pick([1_000, 5_000]),
    retentionChanges: chance.pick([0, 5]),
    maxSyncLagMs: chance.pick([1_000, 10_000]),
    fenceKey: chance.pick(["", "a", "a", ...FENCE_KEYS]),
  };
  return { replicas, dataset };
}

/** What happens to the dataset and to its replicas. */
export function drawReplication(chance: Chance, config: Config): Action[] {
  if (config.replicas.length === 0) return [];
  const faults = someOf(REPLICA_FAULTS, FAULT_SHARE, chance.of("faults"));
  const operationCount = chance.whole(10, 60);
  const faultCount = Object.keys(faults).length === 0 ? 0 : chance.whole(0, 10);
  return [
    ...drawActions(DATASET_OPERATIONS, operationCount, chance.of("operation"), config),
    ...drawActions(faults, faultCount, chance.of("fault"), config),
  ];
}
