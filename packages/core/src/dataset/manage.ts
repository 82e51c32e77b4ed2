import { equals, toBinary } from "@bufbuild/protobuf";
import {
  bucketOf,
  ChangeOp,
  type Dataset as DatasetMessage,
  type DatasetPolicy,
  DatasetPolicySchema,
  ErrorReason,
  type JournaledChange,
} from "@lockstep/protocol";
import {
  type Decision,
  Draft,
  type Facts,
  journalOnlyOf,
  replyOnly,
  replyWith,
} from "../decide/decision.ts";
import { versionMismatch } from "../decide/version-mismatch.ts";
import type { Now, Op } from "../op.ts";
import { limitExceeded, Refusal, RefusalCode, storageLow } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { type Dataset, newDataset } from "./dataset.ts";
import { datasetOf } from "./find.ts";
import { settingsOf } from "./policy-settings.ts";
import { datasetView } from "./view.ts";
import { giveUpWaits } from "./waits.ts";

const NO_BYTES = new Uint8Array();

/** The kind of the log's entry that tells a policy. */
const POLICY_KIND = Uint8Array.from("policy", (letter) => letter.charCodeAt(0));

/** The policy of a dataset that was given none. */
const DEFAULT_POLICY: DatasetPolicy = {
  $typeName: "lockstep.v1.DatasetPolicy",
  minInSync: 0,
  maxSyncLagMs: 0n,
  retentionChanges: 0n,
  retentionMs: 0n,
  idempotencyRetentionMs: 0n,
  maxStalenessMs: 0n,
  fenceKey: "",
  fenceRequired: false,
  maxBytes: 0n,
  checkpointChanges: 0,
  checkpointIntervalMs: 0n,
  snapshotHoldMs: 0n,
};

/** Makes a dataset; one that exists with the same policy is done. */
export function decideCreateDataset(
  state: NamespaceState,
  { principal, salt, request }: Op<"createDataset">,
  now: Now,
  facts: Facts,
): Decision<"createDataset"> {
  const { dataset: name, policy = DEFAULT_POLICY, correlationId, reason } = request;
  const existing = state.datasets.get(name);
  if (existing !== undefined) {
    if (!samePolicy(existing.policy, policy)) throw datasetExists(name);
    return replyOnly(created(datasetView(existing, now)));
  }
  const max = state.limits.max_datasets;
  if (state.datasets.size >= max)
    throw limitExceeded("max_datasets", max, "too many datasets in this namespace: delete one");
  if (facts.storageLow) throw storageLow("no dataset can be created");
  const draft = new Draft(state.revision, now, { actor: principal, correlationId, reason });
  const dataset = newDataset(
    {
      name,
      id: draft.next,
      salt,
      policy,
      createdEpoch: state.epoch,
      createdAtMs: now.unixMs,
    },
    state.sha256,
  );
  draft.add(
    {
      case: "datasetCreated",
      value: {
        $typeName: "lockstep.v1.DatasetCreated",
        dataset: name,
        datasetId: dataset.id,
        policy,
        createdEpoch: dataset.createdEpoch,
        logHash: dataset.head.logHash,
      },
    },
    journalOnlyOf({ salt }),
  );
  return replyWith(draft.events, created(datasetView(dataset, now)));
}

/** Changes the policy of a dataset, when nobody has changed it meanwhile; its log tells it. */
export function decideUpdateDataset(
  state: NamespaceState,
  { principal, request }: Op<"updateDataset">,
  now: Now,
): Decision<"updateDataset"> {
  const { policy = DEFAULT_POLICY, expectedVersion, correlationId, reason } = request;
  const dataset = datasetOf(state, request.dataset);
  const version = expectedVersion + 1n;
  if (version === dataset.policyVersion && samePolicy(dataset.policy, policy))
    return replyOnly(updated(datasetView(dataset, now)));
  if (expectedVersion !== dataset.policyVersion)
    throw versionMismatch("the version of the dataset's policy", dataset.policyVersion);
  const draft = new Draft(state.revision, now, { actor: principal, correlationId, reason });
  const { entry, logHash } = policyEntry(dataset, policy, { principal, correlationId }, now);
  const seq = dataset.head.seq + 1n;
  draft.add(
    {
      case: "datasetUpdated",
      value: {
        $typeName: "lockstep.v1.DatasetUpdated",
        dataset: dataset.name,
        datasetId: dataset.id,
        policy,
        version,
        seq,
        logHash,
      },
    },
    journalOnlyOf({ changes: [entry] }),
  );
  const view = datasetView({ ...dataset, policy, settings: settingsOf(policy) }, now);
  return replyWith(
    draft.events,
    updated({ ...view, policyVersion: version, headSeq: dataset.head.seq + 1n }),
  );
}

/** Ends a dataset and whoever waits for its replicas; one that does not exist is done. */
export function decideDeleteDataset(
  state: NamespaceState,
  { principal, request }: Op<"deleteDataset">,
  now: Now,
): Decision<"deleteDataset"> {
  const { dataset: name, datasetId, correlationId, reason } = request;
  const dataset = state.datasets.get(name);
  const reply = { $typeName: "lockstep.v1.DeleteDatasetResponse" } as const;
  if (dataset === undefined) return replyOnly(reply);
  if (dataset.id !== datasetId)
    throw versionMismatch("the id of the dataset of this name", dataset.id);
  const draft = new Draft(state.revision, now, { actor: principal, correlationId, reason });
  draft.add({
    case: "datasetDeleted",
    value: { $typeName: "lockstep.v1.DatasetDeleted", dataset: name, datasetId },
  });
  giveUpWaits(state, dataset, now);
  return replyWith(draft.events, reply);
}

/** The entry of the log that tells a policy, and the log hash after it. */
function policyEntry(
  { hasher, head }: Dataset,
  policy: DatasetPolicy,
  { principal, correlationId }: { principal: string; correlationId: string },
  now: Now,
): { entry: JournaledChange; logHash: Uint8Array } {
  const change = {
    $typeName: "lockstep.v1.Change",
    seq: head.seq + 1n,
    timestampMs: BigInt(now.unixMs),
    origin: principal,
    idempotencyKey: "",
    schemaVersion: 0,
    correlationId,
    op: ChangeOp.CONTROL,
    key: POLICY_KIND,
    value: toBinary(DatasetPolicySchema, policy),
  } as const;
  const keyHash = hasher.keyHash(change.key);
  const changeHash = hasher.changeHash(change, keyHash, hasher.valueHash(change.value));
  const entry: JournaledChange = {
    $typeName: "lockstep.v1.JournaledChange",
    change,
    bucket: bucketOf(keyHash),
    oldEntryHash: NO_BYTES,
    entryHash: NO_BYTES,
    oldBytes: 0n,
    payloadHash: NO_BYTES,
  };
  return { entry, logHash: hasher.nextLogHash(head.logHash, changeHash) };
}

function samePolicy(a: DatasetPolicy, b: DatasetPolicy): boolean {
  return equals(DatasetPolicySchema, a, b);
}

function datasetExists(name: string): Refusal {
  return new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    ErrorReason.DATASET_EXISTS,
    `dataset ${JSON.stringify(name)} exists with another policy: update that policy instead of creating the dataset`,
  );
}

function created(dataset: DatasetMessage) {
  return { $typeName: "lockstep.v1.CreateDatasetResponse", dataset } as const;
}

function updated(dataset: DatasetMessage) {
  return { $typeName: "lockstep.v1.UpdateDatasetResponse", dataset } as const;
}
