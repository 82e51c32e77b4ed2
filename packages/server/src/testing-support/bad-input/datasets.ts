import { ChangeOp, ReplicationMode, ReplicationService } from "@lockstep/protocol";
import { above, type BadInput, type BadValue, badInputs, long } from "./rows.ts";

const {
  createDataset,
  updateDataset,
  deleteDataset,
  listDatasets,
  describeDataset,
  scrubDataset,
  append,
  waitForReplication,
  get,
  scan,
} = ReplicationService.method;

/** A dataset that is good as far as bounds go. */
export const named: object = { namespace: "default", dataset: "d" };
/** A key that is too long. */
export const longKey: Uint8Array = new Uint8Array(1_025);
const reason = "test";

/** What names a dataset, wrongly. */
export const badDataset: readonly BadValue[] = [
  ["dataset", "empty", { dataset: "" }],
  ["dataset", "too long", { dataset: long }],
  ["dataset", "with a control character", { dataset: "a\u0000" }],
];

const policy = (change: object) => ({ policy: change });

/** How far an append must come, wrongly; `field` is what holds it. */
function badDurability(field: string, changed: (durability: object) => object): BadValue[] {
  const { QUORUM, LOCAL } = ReplicationMode;
  return [
    [`${field}.mode`, "unknown", changed({ mode: 99 })],
    [`${field}.replicas`, "0 with QUORUM", changed({ mode: QUORUM })],
    [`${field}.replicas`, "too many", changed({ mode: QUORUM, replicas: 129 })],
    [`${field}.replicas`, "without QUORUM", changed({ mode: LOCAL, replicas: 1 })],
  ];
}

const badPolicy: readonly BadValue[] = [
  ...badDurability("policy.default_durability", (defaultDurability) =>
    policy({ defaultDurability }),
  ),
  ["policy.min_in_sync", "too many", policy({ minInSync: 129 })],
  ["policy.max_sync_lag_ms", "too short", policy({ maxSyncLagMs: 99n })],
  ["policy.max_sync_lag_ms", "too long", policy({ maxSyncLagMs: 3_600_001n })],
  ["policy.retention_changes", "negative", policy({ retentionChanges: -1n })],
  ["policy.retention_changes", "too many", policy({ retentionChanges: 2n ** 53n })],
  ["policy.retention_ms", "negative", policy({ retentionMs: -1n })],
  ["policy.idempotency_retention_ms", "negative", policy({ idempotencyRetentionMs: -1n })],
  ["policy.max_staleness_ms", "negative", policy({ maxStalenessMs: -1n })],
  ["policy.fence_key", "too long", policy({ fenceKey: long })],
  ["policy.fence_required", "without a key", policy({ fenceRequired: true })],
  ["policy.max_bytes", "negative", policy({ maxBytes: -1n })],
  ["policy.checkpoint_changes", "too many", policy({ checkpointChanges: 1_000_001 })],
  ["policy.checkpoint_interval_ms", "too short", policy({ checkpointIntervalMs: 99n })],
  ["policy.checkpoint_interval_ms", "too long", policy({ checkpointIntervalMs: 3_600_001n })],
  ["policy.snapshot_hold_ms", "too long", policy({ snapshotHoldMs: 86_400_001n })],
];

const put = { op: ChangeOp.PUT, key: new Uint8Array(1) };
const change = (changed: object) => ({ changes: [{ ...put, ...changed }] });

const badChanges: readonly BadValue[] = [
  ["changes", "none", { changes: [] }],
  ["changes[0].op", "absent", change({ op: ChangeOp.UNSPECIFIED })],
  ["changes[0].op", "CONTROL", change({ op: ChangeOp.CONTROL })],
  ["changes[0].key", "empty", change({ key: new Uint8Array() })],
  ["changes[0].key", "too long", change({ key: longKey })],
  ["changes[0].value", "with DELETE", change({ op: ChangeOp.DELETE, value: new Uint8Array(1) })],
  ["changes[0].idempotency_key", "too long", change({ idempotencyKey: "x".repeat(129) })],
  ["changes[0].idempotency_key", "with a control character", change({ idempotencyKey: "\n" })],
  [
    "changes[1].idempotency_key",
    "that of another change",
    { changes: [1, 2].map(() => ({ ...put, idempotencyKey: "a" })) },
  ],
  ["changes[0].expected_key_seq", "above 2^63", change({ expectedKeySeq: above })],
];

const badTimeout: readonly BadValue[] = [
  ["replication_timeout_ms", "negative", { replicationTimeoutMs: -1n }],
  ["replication_timeout_ms", "too long", { replicationTimeoutMs: 60_001n }],
];

const freshness = (changed: object) => ({ freshness: changed });

const badFreshness: readonly BadValue[] = [
  ["freshness.level", "unknown", freshness({ level: 99 })],
  ["freshness.max_staleness_ms", "without BOUNDED", freshness({ maxStalenessMs: 1n })],
  ["freshness.max_staleness_ms", "negative", freshness({ level: 2, maxStalenessMs: -1n })],
  ["freshness.seq", "without AT_LEAST", freshness({ seq: 1n })],
  ["freshness.seq", "0 with AT_LEAST", freshness({ level: 3 })],
];

/** Bad requests about datasets, their rows and their logs. */
export const datasetInputs: readonly BadInput[] = [
  ...badInputs(createDataset, { ...named, reason }, [
    ...badDataset,
    ...badPolicy,
    ["reason", "empty", { reason: "" }],
  ]),
  ...badInputs(updateDataset, { ...named, reason, policy: {}, expectedVersion: 1n }, [
    ...badDataset,
    ["policy", "absent", { policy: undefined }],
    ...badPolicy,
    ["expected_version", "0", { expectedVersion: 0n }],
  ]),
  ...badInputs(deleteDataset, { ...named, reason, datasetId: 1n }, [
    ...badDataset,
    ["dataset_id", "0", { datasetId: 0n }],
  ]),
  ...badInputs(listDatasets, { namespace: "default" }, [
    ["dataset_prefix", "too long", { datasetPrefix: long }],
  ]),
  ...badInputs(describeDataset, named, badDataset),
  ...badInputs(scrubDataset, named, [
    ...badDataset,
    ["first_bucket", "too high", { firstBucket: 65_536 }],
  ]),
  ...badInputs(append, { ...named, ...change({}) }, [
    ...badDataset,
    ...badChanges,
    ["fence.key", "empty", { fence: { token: 1n } }],
    ["fence.token", "0", { fence: { key: "k" } }],
    ["expected_head_seq", "above 2^63", { expectedHeadSeq: above }],
    ["since_seq", "above 2^63", { sinceSeq: above }],
    ...badDurability("durability", (durability) => ({ durability })),
    ...badTimeout,
    ["origin", "too long", { origin: long }],
    ["origin", "with a control character", { origin: "\t" }],
  ]),
  ...badInputs(waitForReplication, { ...named, seq: 1n }, [
    ...badDataset,
    ["seq", "0", { seq: 0n }],
    ...badDurability("durability", (durability) => ({ durability })),
    ...badTimeout,
  ]),
  ...badInputs(get, { ...named, key: new Uint8Array(1) }, [
    ...badDataset,
    ["key", "empty", { key: new Uint8Array() }],
    ...badFreshness,
  ]),
  ...badInputs(scan, named, [
    ...badDataset,
    ["key_prefix", "too long", { keyPrefix: longKey }],
    ["after_key", "too long", { afterKey: longKey }],
    ...badFreshness,
  ]),
];
