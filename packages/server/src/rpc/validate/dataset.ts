import { limitExceeded } from "@lockstep/core";
import {
  type AppendDurability,
  BUCKETS,
  type CreateDatasetRequest,
  type DatasetPolicy,
  type DeleteDatasetRequest,
  type DescribeDatasetRequest,
  type Limits,
  type ListDatasetsRequest,
  ReplicationMode,
  type ScrubDatasetRequest,
  type UpdateDatasetRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkAct } from "./admin.ts";
import {
  checkCount,
  checkDuration,
  checkEnum,
  checkName,
  checkNotNegative,
  checkPageSize,
  checkPageToken,
  checkPositive,
  checkPrefix,
} from "./fields.ts";

const LARGEST_SAFE = 2n ** 53n - 1n;
const HOUR_MS = 3_600_000;
const DAY_MS = 86_400_000;
const LEAST_LAG_MS = 100n;
const CHECKPOINT_CHANGES_MAX = 1_000_000;

/** Demands the names of a dataset and of its namespace. */
export function checkDatasetName(request: { namespace: string; dataset: string }): void {
  checkName("namespace", request.namespace);
  checkName("dataset", request.dataset);
}

/** The bounds of a CreateDatasetRequest. */
export function checkCreateDataset(request: CreateDatasetRequest, limits: Limits): void {
  checkDatasetName(request);
  if (request.policy !== undefined) checkPolicy(request.policy, limits);
  checkAct(request);
}

/** The bounds of an UpdateDatasetRequest. */
export function checkUpdateDataset(request: UpdateDatasetRequest, limits: Limits): void {
  checkDatasetName(request);
  if (request.policy === undefined) throw invalidField("policy", "is required");
  checkPolicy(request.policy, limits);
  checkPositive("expected_version", request.expectedVersion);
  checkAct(request);
}

/** The bounds of a DeleteDatasetRequest. */
export function checkDeleteDataset(request: DeleteDatasetRequest): void {
  checkDatasetName(request);
  checkPositive("dataset_id", request.datasetId);
  checkAct(request);
}

/** The bounds of a ListDatasetsRequest. */
export function checkListDatasets(request: ListDatasetsRequest): void {
  checkName("namespace", request.namespace);
  checkPrefix("dataset_prefix", request.datasetPrefix);
  checkPageSize(request.pageSize);
  checkPageToken(request.pageToken);
}

/** The bounds of a DescribeDatasetRequest. */
export function checkDescribeDataset(request: DescribeDatasetRequest): void {
  checkDatasetName(request);
}

/** The bounds of a ScrubDatasetRequest. */
export function checkScrubDataset(request: ScrubDatasetRequest, limits: Limits): void {
  checkDatasetName(request);
  checkCount("first_bucket", request.firstBucket, BUCKETS - 1);
  const max = limits.max_scrub_buckets;
  if (request.buckets > max)
    throw limitExceeded("max_scrub_buckets", max, "too many buckets at once");
}

/** Demands how far an append must have come; absent is the default of whoever reads it. */
export function checkDurability(
  field: string,
  durability: AppendDurability | undefined,
  { max_replicas }: Limits,
): void {
  if (durability === undefined) return;
  const { mode, replicas } = durability;
  checkEnum(`${field}.mode`, ReplicationMode, mode, "optional");
  if (mode !== ReplicationMode.QUORUM) {
    if (replicas !== 0) throw invalidField(`${field}.replicas`, "must be 0 unless mode is QUORUM");
  } else if (replicas < 1 || replicas > max_replicas) {
    throw invalidField(`${field}.replicas`, `must be 1 to ${max_replicas} with QUORUM`);
  }
}

function checkPolicy(policy: DatasetPolicy, limits: Limits): void {
  checkDurability("policy.default_durability", policy.defaultDurability, limits);
  checkCount("policy.min_in_sync", policy.minInSync, limits.max_replicas);
  checkInterval("policy.max_sync_lag_ms", policy.maxSyncLagMs);
  checkSafe("policy.retention_changes", policy.retentionChanges);
  checkSafe("policy.retention_ms", policy.retentionMs);
  checkSafe("policy.idempotency_retention_ms", policy.idempotencyRetentionMs);
  checkSafe("policy.max_staleness_ms", policy.maxStalenessMs);
  if (policy.fenceKey !== "") checkName("policy.fence_key", policy.fenceKey);
  if (policy.fenceRequired && policy.fenceKey === "") {
    throw invalidField("policy.fence_required", "must not be set without fence_key");
  }
  checkNotNegative("policy.max_bytes", policy.maxBytes);
  checkCount("policy.checkpoint_changes", policy.checkpointChanges, CHECKPOINT_CHANGES_MAX);
  checkInterval("policy.checkpoint_interval_ms", policy.checkpointIntervalMs);
  checkDuration("policy.snapshot_hold_ms", policy.snapshotHoldMs, 0, DAY_MS);
}

/** Demands 0, which stands for the default, or what a server can keep to. */
function checkInterval(field: string, ms: bigint): void {
  checkDuration(field, ms, 0, HOUR_MS);
  if (ms !== 0n && ms < LEAST_LAG_MS) {
    throw invalidField(field, `must be 0 or at least ${LEAST_LAG_MS}`);
  }
}

/** Demands a number that every language can count to. */
export function checkSafe(field: string, value: bigint): void {
  checkNotNegative(field, value);
  if (value > LARGEST_SAFE) throw invalidField(field, "must be below 2^53");
}
