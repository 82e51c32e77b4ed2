import {
  ErrorReason,
  type LogPosition,
  type SnapshotCursor,
  type Started,
  type SubscribeRequest,
} from "@lockstep/protocol";
import { type Decision, type Facts, replyOnly } from "../decide/decision.ts";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { sameBytes } from "./bytes.ts";
import type { Dataset } from "./dataset.ts";
import { datasetOf, replicaOf, rowsFor } from "./find.ts";
import { keptPosition, type Position, positionMessage } from "./position.ts";
import { compacted, logDiverged } from "./refusals.ts";
import { beginSnapshot, resumeSnapshot } from "./snapshot-holds.ts";

/** Begins a subscription: what of the log its reader has is compared with the log, once. */
export function decideBeginSubscription(
  state: NamespaceState,
  { request }: Op<"beginSubscription">,
  now: Now,
  facts: Facts,
): Decision<"beginSubscription"> {
  const { replica: name, generation, start } = request;
  const dataset = datasetOf(state, request.dataset);
  const replica = name === "" ? undefined : replicaOf(dataset, name, generation);
  let snapshotId = 0n;
  let low: Position;
  switch (start.case) {
    case "cursor":
      low = cursorOf(dataset, start.value, request, facts);
      break;
    case "snapshot": {
      const hold = resumedOf(state, dataset, start.value, name, now, facts);
      [snapshotId, low] = [hold.id, hold.low];
      break;
    }
    case undefined: {
      const hold = beginSnapshot(state, dataset, { replica: name, low: dataset.head }, now);
      [snapshotId, low] = [hold.id, hold.low];
    }
  }
  state.nextSubscriptionId += 1n;
  const subscriptionId = state.nextSubscriptionId;
  if (replica !== undefined) replica.subscriptionId = subscriptionId;
  const max = state.limits.max_subscription_window_bytes;
  const windowBytes = Math.min(Number(request.windowBytes) || max, max);
  const value: Started = {
    $typeName: "lockstep.v1.Started",
    datasetId: dataset.id,
    salt: dataset.salt,
    createdEpoch: dataset.createdEpoch,
    subscriptionId,
    snapshotId,
    low: positionMessage(low),
    floor: positionMessage(dataset.floor),
    head: positionMessage(dataset.head),
    policy: dataset.policy,
    windowBytes: BigInt(replica === undefined ? 0 : windowBytes),
  };
  return replyOnly({
    $typeName: "lockstep.v1.SubscribeResponse",
    part: { case: "started", value },
  });
}

/** Where the tail of a cursor begins: there, or for a reader without a log hash at the batch it lies in. */
function cursorOf(
  dataset: Dataset,
  { seq, logHash }: LogPosition,
  { replica }: SubscribeRequest,
  facts: Facts,
): Position {
  const { head, floor } = dataset;
  const isBare = logHash.length === 0;
  if (isBare && replica !== "")
    throw new Refusal(
      RefusalCode.INVALID_ARGUMENT,
      ErrorReason.INVALID_FIELD,
      "cursor.log_hash is missing: without it nobody can tell whether both logs are the same",
      { field: "cursor.log_hash", rule: "must have 32 bytes when a replica subscribes" },
    );
  if (seq > head.seq) throw logDiverged(`seq ${seq}`, head.seq);
  if (seq < floor.seq) throw compacted(`seq ${seq} is not kept any more`, floor.seq);
  const at = batchEndAt(dataset, seq, facts);
  if (!isBare && !isAt(at, { seq, logHash })) throw logDiverged(`seq ${seq}`, head.seq);
  return at;
}

function resumedOf(
  state: NamespaceState,
  dataset: Dataset,
  { snapshotId, low }: SnapshotCursor,
  replica: string,
  now: Now,
  facts: Facts,
): { id: bigint; low: Position } {
  const { head, floor } = dataset;
  if (low === undefined || low.seq > head.seq)
    throw logDiverged(`the snapshot's low ${low?.seq ?? 0n}`, head.seq);
  if (low.seq < floor.seq) throw compacted("the snapshot cannot be resumed", floor.seq);
  if (!isAt(batchEndAt(dataset, low.seq, facts), low))
    throw logDiverged(`the snapshot's low ${low.seq}`, head.seq);
  return (
    resumeSnapshot(state, dataset, snapshotId, { replica, low }, now) ??
    beginSnapshot(state, dataset, { replica, low: keptPosition(low) }, now)
  );
}

/** The end of the last batch at or below a seq, which lies between floor and head. */
function batchEndAt(dataset: Dataset, seq: bigint, facts: Facts): Position {
  const { head, floor } = dataset;
  if (seq === head.seq) return head;
  if (seq === floor.seq) return floor;
  const stored = rowsFor(facts, dataset).position(seq);
  return stored === undefined || stored.seq < floor.seq ? floor : keptPosition(stored);
}

function isAt(a: Position, b: Position): boolean {
  return a.seq === b.seq && sameBytes(a.logHash, b.logHash);
}
