import { DriftAction, DriftKind, ReplicaState, ReplicationService } from "@lockstep/protocol";
import { badDataset, longKey, named } from "./datasets.ts";
import { above, type BadInput, type BadValue, badInputs, long } from "./rows.ts";

const {
  registerReplica,
  unregisterReplica,
  listReplicas,
  ack,
  subscribe,
  getDigestNodes,
  listBucket,
  fetchEntries,
  reportDrift,
} = ReplicationService.method;

const replica = { ...named, replica: "r" };
const generation = 1n;
const hash = new Uint8Array(32);

const badReplica: readonly BadValue[] = [
  ["replica", "empty", { replica: "" }],
  ["replica", "too long", { replica: long }],
];
const badGeneration: BadValue = ["generation", "0", { generation: 0n }];

const cursor = (value: object) => ({ start: { case: "cursor", value } });
const low = { seq: 1n, logHash: hash };
const snapshot = (changed: object) => ({
  start: { case: "snapshot", value: { snapshotId: 1n, low, ...changed } },
});

const badStarts: readonly BadValue[] = [
  ["cursor.seq", "above 2^63", cursor({ seq: above, logHash: hash })],
  ["cursor.log_hash", "absent", cursor({ seq: 1n })],
  ["cursor.log_hash", "too short", cursor({ seq: 1n, logHash: new Uint8Array(31) })],
  ["snapshot.snapshot_id", "0", snapshot({ snapshotId: 0n })],
  ["snapshot.low", "absent", snapshot({ low: undefined })],
  ["snapshot.low.seq", "above 2^63", snapshot({ low: { seq: above, logHash: hash } })],
  ["snapshot.low.log_hash", "absent", snapshot({ low: { seq: 1n } })],
  ["snapshot.after_key", "too long", snapshot({ afterKey: longKey })],
];

const good = {
  asOf: { seq: 1n, logHash: hash },
  action: DriftAction.NONE,
  findings: [{ kind: DriftKind.EXTRA, key: new Uint8Array(1) }],
};
const report = (changed: object) => ({ report: { ...good, ...changed } });
const finding = (changed: object) => report({ findings: [{ ...good.findings[0], ...changed }] });

const badReport: readonly BadValue[] = [
  ["report", "absent", { report: undefined }],
  ["report.as_of", "absent", report({ asOf: undefined })],
  ["report.as_of.seq", "above 2^63", report({ asOf: { seq: above, logHash: hash } })],
  ["report.as_of.log_hash", "absent", report({ asOf: { seq: 1n } })],
  ["report.bad_buckets", "too many", report({ badBuckets: 65_537 })],
  ["report.missing", "above 2^63", report({ missing: above })],
  ["report.extra", "above 2^63", report({ extra: above })],
  ["report.divergent", "above 2^63", report({ divergent: above })],
  ["report.findings", "too many", report({ findings: Array(101).fill(good.findings[0]) })],
  ["report.findings[0].kind", "absent", finding({ kind: DriftKind.UNSPECIFIED })],
  ["report.findings[0].bucket", "too high", finding({ bucket: 65_536 })],
  ["report.findings[0].key", "empty", finding({ key: new Uint8Array() })],
  ["report.findings[0].replica_seq", "above 2^63", finding({ replicaSeq: above })],
  ["report.findings[0].server_seq", "above 2^63", finding({ serverSeq: above })],
  ["report.action", "absent", report({ action: DriftAction.UNSPECIFIED })],
];

/** Bad requests of replicas, and of those who compare themselves. */
export const replicaInputs: readonly BadInput[] = [
  ...badInputs(registerReplica, { ...replica, instance: new Uint8Array(16) }, [
    ...badDataset,
    ...badReplica,
    ["instance", "too short", { instance: new Uint8Array(15) }],
    ["expected_generation", "above 2^63", { expectedGeneration: above }],
    ["description", "too long", { description: long }],
  ]),
  ...badInputs(unregisterReplica, { ...replica, generation }, [
    ...badDataset,
    ...badReplica,
    badGeneration,
  ]),
  ...badInputs(listReplicas, named, badDataset),
  ...badInputs(
    ack,
    { ...replica, generation, subscriptionId: 1n, appliedSeq: 1n, state: ReplicaState.OK },
    [
      ...badDataset,
      ...badReplica,
      badGeneration,
      ["subscription_id", "0", { subscriptionId: 0n }],
      ["applied_seq", "above 2^63", { appliedSeq: above }],
      ["verified_seq", "above applied_seq", { verifiedSeq: 2n }],
      ["state", "absent", { state: ReplicaState.UNSPECIFIED }],
    ],
  ),
  ...badInputs(subscribe, { ...replica, generation }, [
    ...badDataset,
    ["replica", "too long", { replica: long }],
    badGeneration,
    ["generation", "without a replica", { replica: "" }],
    ...badStarts,
    ["window_bytes", "negative", { windowBytes: -1n }],
    ["window_bytes", "too large", { windowBytes: 4_194_305n }],
    ["window_bytes", "without a replica", { replica: "", generation: 0n, windowBytes: 1n }],
  ]),
  ...badInputs(getDigestNodes, named, [
    ...badDataset,
    ["level", "too deep", { level: 5 }],
    ["indices", "absent at the buckets", { level: 4 }],
    ["indices[0]", "too high", { level: 1, indices: [16] }],
    ["indices[1]", "not rising", { level: 1, indices: [2, 2] }],
  ]),
  ...badInputs(listBucket, { ...named, buckets: [1] }, [
    ...badDataset,
    ["buckets", "none", { buckets: [] }],
    ["buckets[0]", "too high", { buckets: [65_536] }],
    ["buckets[1]", "not rising", { buckets: [2, 1] }],
  ]),
  ...badInputs(fetchEntries, { ...named, keys: [new Uint8Array(1)] }, [
    ...badDataset,
    ["keys", "none", { keys: [] }],
    ["keys[0]", "too long", { keys: [longKey] }],
    ["keys[1]", "that of another", { keys: [new Uint8Array(1), new Uint8Array(1)] }],
  ]),
  ...badInputs(reportDrift, { ...replica, generation, reportNumber: 1n, ...report({}) }, [
    ...badDataset,
    ...badReplica,
    badGeneration,
    ["report_number", "0", { reportNumber: 0n }],
    ...badReport,
  ]),
];
