import { DigestAccumulator } from "@lockstep/protocol";
import type { Dataset } from "../../dataset/dataset.ts";
import type { NamespaceState } from "../../state/state.ts";
import { hex, type Tables } from "./tables.ts";

/** What must be true of datasets between any two operations, whatever has happened. */
export function checkDatasets(state: NamespaceState, tables: Tables): void {
  let waits = 0;
  for (const dataset of state.datasets.values()) {
    must(state.datasets.byId(dataset.id) === dataset, "a dataset has its id");
    checkLog(dataset);
    checkRows(dataset, tables);
    waits += dataset.waits.size;
    for (const wait of dataset.waits.upTo(dataset.head.seq))
      must(state.replicationWaits.get(wait.id) === wait, "a wait has its id");
  }
  must(state.replicationWaits.size === waits, "waits are counted");
  must(state.settledWaits.length === 0, "what has ended was told");
}

function checkLog({ head, floor, droppedSeq, checkpoint, replicas }: Dataset): void {
  must(floor.seq <= head.seq, "the floor is not above the head");
  must(droppedSeq <= floor.seq, "keys are remembered at least as long as changes");
  must((checkpoint?.seq ?? 0n) <= head.seq, "a checkpoint is not above the head");
  for (const { appliedSeq } of replicas.values())
    must(appliedSeq <= head.seq, "nobody has applied what is not there");
}

/** What was counted along is what the rows give. */
function checkRows({ id, digest, bytes }: Dataset, tables: Tables): void {
  const counted = new DigestAccumulator();
  let size = 0;
  for (const { bucket, entryHash, key, value } of tables.of(id).rows.values()) {
    counted.update(bucket, undefined, entryHash);
    size += key.length + value.length;
  }
  must(bytes === BigInt(size), "the bytes of all rows are counted");
  must(digest.count === counted.count, "the rows are counted");
  must(hex(digest.root()) === hex(counted.root()), "the digest is that of the rows");
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}
