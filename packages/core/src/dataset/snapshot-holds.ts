import { type Decision, replyOnly } from "../decide/decision.ts";
import type { Now, Op } from "../op.ts";
import { limitExceeded } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { sameBytes } from "./bytes.ts";
import type { Dataset, SnapshotHold } from "./dataset.ts";
import { datasetById } from "./find.ts";
import { compacted } from "./refusals.ts";
import { checkpointAtHead } from "./view.ts";

/**
 * Lets a snapshot hold the log behind its low from now on. A replica has one at most.
 * @throws Refusal LIMIT_EXCEEDED when too many hold it already.
 */
export function beginSnapshot(
  state: NamespaceState,
  dataset: Dataset,
  { replica, low }: Pick<SnapshotHold, "replica" | "low">,
  now: Now,
): SnapshotHold {
  const { holds } = dataset;
  if (replica !== "")
    for (const hold of holds.values()) if (hold.replica === replica) holds.delete(hold.id);
  const max = state.limits.max_subscriptions;
  if (holds.size >= max) forgetOver(dataset, now);
  if (holds.size >= max)
    throw limitExceeded("max_subscriptions", max, "too many snapshots of this dataset are read");
  state.nextSnapshotId += 1n;
  const notAfterMs = now.monotonicMs + dataset.settings.snapshotHoldMs;
  const hold = { id: state.nextSnapshotId, replica, low, untilMs: 0, notAfterMs };
  lease(state, hold, now);
  holds.set(hold.id, hold);
  return hold;
}

/**
 * Lets a snapshot that was broken off hold the log for another lease, as long as it may at all; undefined when
 * it is not known, which it is not after a restart either.
 */
export function resumeSnapshot(
  state: NamespaceState,
  { holds }: Dataset,
  id: bigint,
  { replica, low }: Pick<SnapshotHold, "replica" | "low">,
  now: Now,
): SnapshotHold | undefined {
  const hold = holds.get(id);
  if (hold?.replica !== replica) return undefined;
  if (hold.low.seq !== low.seq || !sameBytes(hold.low.logHash, low.logHash)) return undefined;
  lease(state, hold, now);
  return hold;
}

/** A chunk was read: the snapshot holds the log for another lease. */
export function decideRenewSnapshot(
  state: NamespaceState,
  { datasetId, snapshotId }: Op<"renewSnapshot">,
  now: Now,
): Decision<"renewSnapshot"> {
  lease(state, holdOf(datasetById(state, datasetId), snapshotId), now);
  return replyOnly({});
}

/** All chunks were read: the snapshot is what the rows are once everything up to the head is applied. */
export function decideEndSnapshot(
  state: NamespaceState,
  { datasetId, snapshotId }: Op<"endSnapshot">,
): Decision<"endSnapshot"> {
  const dataset = datasetById(state, datasetId);
  dataset.holds.delete(holdOf(dataset, snapshotId).id);
  const high = checkpointAtHead(dataset);
  return replyOnly({
    $typeName: "lockstep.v1.SubscribeResponse",
    part: { case: "snapshotEnd", value: { $typeName: "lockstep.v1.SnapshotEnd", high } },
  });
}

/** The lowest seq behind which the log is held now; undefined when nothing holds it. */
export function lowestHeld({ holds }: Dataset, { monotonicMs }: Now): bigint | undefined {
  let lowest: bigint | undefined;
  for (const { low, untilMs } of holds.values()) {
    if (monotonicMs > untilMs) continue;
    if (lowest === undefined || low.seq < lowest) lowest = low.seq;
  }
  return lowest;
}

/** Forgets the snapshots whose tail is gone. */
export function forgetCompacted({ holds, floor }: Dataset): void {
  for (const { id, low } of holds.values()) if (low.seq < floor.seq) holds.delete(id);
}

/** A hold whose lease is over is kept as long as the log reaches back to its low: it may be taken up again. */
function holdOf({ holds, floor }: Dataset, id: bigint): SnapshotHold {
  const hold = holds.get(id);
  if (hold !== undefined) return hold;
  throw compacted("the tail of the snapshot is not kept any more", floor.seq);
}

function lease({ limits }: NamespaceState, hold: SnapshotHold, { monotonicMs }: Now): void {
  hold.untilMs = Math.min(monotonicMs + limits.snapshot_lease_ms, hold.notAfterMs);
}

function forgetOver({ holds }: Dataset, { monotonicMs }: Now): void {
  for (const { id, untilMs } of holds.values()) if (monotonicMs > untilMs) holds.delete(id);
}
