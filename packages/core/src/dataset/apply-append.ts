import {
  type Appended,
  type DatasetCheckpointed,
  DigestError,
  type Event,
  type JournaledChange,
  type LogTrimmed,
} from "@lockstep/protocol";
import { InvariantError, invariant, required } from "../apply/invariant.ts";
import type { NamespaceState } from "../state/state.ts";
import { sameBytes } from "./bytes.ts";
import type { Dataset } from "./dataset.ts";
import { keptPosition } from "./position.ts";
import { knownDataset } from "./records.ts";

export function applyAppended(state: NamespaceState, event: Event, body: Appended): void {
  applyChanges(knownDataset(state, body.datasetId), event, body);
}

/** Takes changes into digest, size and head of a dataset; their hashes are taken from the event. */
export function applyChanges(
  dataset: Dataset,
  { journalOnly, revision }: Event,
  { firstSeq, lastSeq, logHash }: Pick<Appended, "firstSeq" | "lastSeq" | "logHash">,
): void {
  const changes = journalOnly?.changes ?? [];
  let { seq } = dataset.head;
  invariant(
    firstSeq === seq + 1n && lastSeq === seq + BigInt(changes.length) && changes.length > 0,
    () => `changes ${firstSeq} to ${lastSeq} of event ${revision} cannot follow ${seq}`,
  );
  for (const journaled of changes) {
    seq += 1n;
    invariant(journaled.change?.seq === seq, () => `change ${seq} of event ${revision} is missing`);
    applyChange(dataset, journaled);
  }
  dataset.head = keptPosition({ seq, logHash });
}

export function applyDatasetCheckpointed(
  state: NamespaceState,
  { datasetId, checkpoint }: DatasetCheckpointed,
): void {
  const dataset = knownDataset(state, datasetId);
  const { head, digest } = dataset;
  const { seq, logHash, root, count } = required(checkpoint, "a checkpoint of dataset", datasetId);
  invariant(
    seq === head.seq && count === BigInt(digest.count),
    () =>
      `a checkpoint of ${count} keys at ${seq} does not fit dataset ${datasetId}, which has ${digest.count} at ${head.seq}`,
  );
  invariant(
    sameBytes(logHash, head.logHash) && sameBytes(root, digest.root()),
    () => `the checkpoint at ${seq} of dataset ${datasetId} is not what its changes lead to`,
  );
  dataset.checkpoint = {
    $typeName: "lockstep.v1.Checkpoint",
    ...keptPosition({ seq, logHash }),
    count,
    root: new Uint8Array(root),
  };
}

export function applyLogTrimmed(
  state: NamespaceState,
  { datasetId, floor: position, droppedSeq }: LogTrimmed,
): void {
  const dataset = knownDataset(state, datasetId);
  const floor = required(position, "the floor of dataset", datasetId);
  const isForward = floor.seq >= dataset.floor.seq && droppedSeq >= dataset.droppedSeq;
  invariant(
    isForward && floor.seq <= dataset.head.seq && droppedSeq <= floor.seq,
    () => `dataset ${datasetId} cannot be trimmed to ${floor.seq} and ${droppedSeq}`,
  );
  dataset.floor = keptPosition(floor);
  dataset.droppedSeq = droppedSeq;
}

function applyChange(dataset: Dataset, journaled: JournaledChange): void {
  const { change, bucket, oldEntryHash, entryHash, oldBytes } = journaled;
  const isLive = entryHash.length > 0;
  const newBytes = isLive && change !== undefined ? change.key.length + change.value.length : 0;
  try {
    dataset.digest.update(
      bucket,
      oldEntryHash.length > 0 ? oldEntryHash : undefined,
      isLive ? entryHash : undefined,
    );
  } catch (error) {
    if (!(error instanceof DigestError || error instanceof RangeError)) throw error;
    throw new InvariantError(`change ${change?.seq} does not fit the digest: ${error.message}`);
  }
  dataset.bytes += BigInt(newBytes) - oldBytes;
}
