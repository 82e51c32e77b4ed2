import { type Client, RequestError } from "@lockstep/client";
import { ReplicationMode } from "@lockstep/protocol";
import type { DatasetSettings } from "../plan/config.ts";
import { DATASET } from "./replica-life.ts";

/** The policy of a dataset, with what may be changed of it while it runs. */
export interface PolicyWish extends DatasetSettings {
  /** How many replicas an append must have reached that does not say; 0: none. */
  readonly quorum: number;
  /** All that are in sync instead. */
  readonly all: boolean;
  readonly minInSync: number;
  readonly fenceRequired: boolean;
}

const REASON = "the simulation wants it";
const PLAIN = { quorum: 0, all: false, minInSync: 0, fenceRequired: false };
/** Refusals that somebody who cares for a dataset may meet: others do so, too. */
const EXPECTED_REASONS: ReadonlySet<string> = new Set([
  "DATASET_UNKNOWN",
  "VERSION_MISMATCH",
  "DATASET_EXISTS",
]);

/** Makes the dataset of a run; harmless when somebody else has. */
export async function createDataset(client: Client, settings: DatasetSettings): Promise<void> {
  const policy = policyOf({ ...settings, ...PLAIN });
  await unlessOthers(() => client.datasets.create({ dataset: DATASET, policy, reason: REASON }));
}

/** Changes the policy of the dataset, if there is one. */
export async function changePolicy(client: Client, wish: PolicyWish): Promise<void> {
  await unlessOthers(async () => {
    const { dataset } = await client.datasets.describe(DATASET);
    const expectedVersion = dataset?.policyVersion ?? 0n;
    const policy = policyOf(wish);
    await client.datasets.update({ dataset: DATASET, policy, expectedVersion, reason: REASON });
  });
}

/** Its policy is again the one that it was made with. */
export async function restorePolicy(client: Client, settings: DatasetSettings): Promise<void> {
  await changePolicy(client, { ...settings, ...PLAIN });
}

/** Ends the dataset, if there is one, while replicas follow it. */
export async function deleteDataset(client: Client): Promise<void> {
  await unlessOthers(async () => {
    const { dataset } = await client.datasets.describe(DATASET);
    const datasetId = dataset?.datasetId ?? 0n;
    await client.datasets.delete({ dataset: DATASET, datasetId, reason: REASON });
  });
}

/** Does something that fails when others have been there before, and then does not matter. */
export async function unlessOthers(operation: () => Promise<unknown>): Promise<void> {
  try {
    await operation();
  } catch (error) {
    if (!(error instanceof RequestError && EXPECTED_REASONS.has(error.reason))) throw error;
  }
}

function policyOf(wish: PolicyWish) {
  const { checkpointChanges, checkpointIntervalMs, retentionChanges, maxSyncLagMs } = wish;
  const { quorum, all, minInSync, fenceKey, fenceRequired } = wish;
  const mode = all
    ? ReplicationMode.ALL_IN_SYNC
    : quorum > 0
      ? ReplicationMode.QUORUM
      : ReplicationMode.LOCAL;
  return {
    defaultDurability: { mode, replicas: mode === ReplicationMode.QUORUM ? quorum : 0 },
    minInSync,
    checkpointChanges,
    checkpointIntervalMs: BigInt(checkpointIntervalMs),
    retentionChanges: BigInt(retentionChanges),
    maxSyncLagMs: BigInt(maxSyncLagMs),
    fenceKey,
    fenceRequired: fenceRequired && fenceKey !== "",
  };
}
