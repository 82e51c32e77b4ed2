import type { Event } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { NamespaceState } from "../state/state.ts";
import { remindOfCheckpoint } from "./checkpoint.ts";
import type { Dataset } from "./dataset.ts";
import { forgetCompacted } from "./snapshot-holds.ts";
import { settleWaits } from "./waits.ts";

/** Sets what is volatile after an event of a dataset that was decided here and now has been applied. */
export function runDataset(state: NamespaceState, { body }: Event, now: Now): void {
  if (body.value === undefined || !("datasetId" in body.value)) return;
  const dataset = state.datasets.byId(body.value.datasetId);
  if (dataset === undefined) return;
  switch (body.case) {
    case "datasetCreated":
    case "appended":
      noteHead(state, dataset, now);
      break;
    case "datasetUpdated":
      noteHead(state, dataset, now);
      // Another lag may be allowed now.
      settleWaits(state, dataset, now);
      break;
    case "datasetCheckpointed":
      remindOfCheckpoint(state, dataset, now);
      break;
    case "logTrimmed":
      forgetCompacted(dataset);
      break;
    default:
      // Of a replica.
      settleWaits(state, dataset, now);
  }
}

/** So many snapshots may begin in an epoch before their ids reach those of the next one. */
const EPOCH_SHIFT = 24n;
const ID_BITS = 63;

/** Begins an epoch with the datasets of a state that has been rebuilt: nobody is in sync. */
export function startDatasets(state: NamespaceState, now: Now): void {
  // What was read before the start may be taken up again by its id: no other snapshot has it now.
  state.nextSnapshotId = BigInt.asUintN(ID_BITS, state.epoch << EPOCH_SHIFT);
  for (const dataset of state.datasets.values()) {
    dataset.headTimes.start(now.monotonicMs, dataset.head.seq);
    remindOfCheckpoint(state, dataset, now);
  }
}

function noteHead(state: NamespaceState, dataset: Dataset, now: Now): void {
  dataset.headTimes.add(now.monotonicMs, dataset.head.seq);
  remindOfCheckpoint(state, dataset, now);
}
