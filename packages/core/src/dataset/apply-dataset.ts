import type { DatasetCreated, DatasetDeleted, DatasetUpdated, Event } from "@lockstep/protocol";
import { invariant, required } from "../apply/invariant.ts";
import type { NamespaceState } from "../state/state.ts";
import { applyChanges } from "./apply-append.ts";
import { sameBytes } from "./bytes.ts";
import { newDataset } from "./dataset.ts";
import { settingsOf } from "./policy-settings.ts";
import { knownDataset } from "./records.ts";

export function applyDatasetCreated(
  state: NamespaceState,
  { revision, decidedAtMs, journalOnly }: Event,
  { dataset: name, datasetId, policy, createdEpoch, logHash }: DatasetCreated,
): void {
  invariant(datasetId === revision, `dataset ${datasetId} is not numbered by its event`);
  invariant(state.datasets.get(name) === undefined, `${JSON.stringify(name)} was created twice`);
  const dataset = newDataset(
    {
      name,
      id: datasetId,
      salt: new Uint8Array(required(journalOnly, "the salt of dataset", datasetId).salt),
      policy: required(policy, "the policy of dataset", datasetId),
      createdEpoch,
      createdAtMs: Number(decidedAtMs),
    },
    state.sha256,
  );
  invariant(sameBytes(dataset.head.logHash, logHash), `dataset ${datasetId} begins another log`);
  state.datasets.add(dataset);
}

/** Sets the policy; that is an entry of the log. */
export function applyDatasetUpdated(
  state: NamespaceState,
  event: Event,
  { datasetId, policy, version, seq, logHash }: DatasetUpdated,
): void {
  const dataset = knownDataset(state, datasetId);
  invariant(
    version === dataset.policyVersion + 1n,
    `version ${version} of the policy of dataset ${datasetId} cannot follow ${dataset.policyVersion}`,
  );
  applyChanges(dataset, event, { firstSeq: seq, lastSeq: seq, logHash });
  dataset.policy = required(policy, "the policy of dataset", datasetId);
  dataset.settings = settingsOf(dataset.policy);
  dataset.policyVersion = version;
}

export function applyDatasetDeleted(state: NamespaceState, { datasetId }: DatasetDeleted): void {
  state.datasets.delete(knownDataset(state, datasetId));
}
