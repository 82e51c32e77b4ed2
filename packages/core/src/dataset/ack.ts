import { type AckRequest, ErrorReason, ReplicaState } from "@lockstep/protocol";
import { type Decision, Draft, replyWith } from "../decide/decision.ts";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import { remind } from "../state/reminders.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Dataset, ReplicaRecord } from "./dataset.ts";
import { datasetOf, replicaOf } from "./find.ts";
import { isInSync } from "./in-sync.ts";
import { logDiverged } from "./refusals.ts";
import { settleWaits } from "./waits.ts";

/** Takes up how far a replica is. Only another state than before is an event; the rest is volatile. */
export function decideAck(
  state: NamespaceState,
  { request }: Op<"ack">,
  now: Now,
): Decision<"ack"> {
  const dataset = datasetOf(state, request.dataset);
  const replica = replicaOf(dataset, request.replica, request.generation);
  requireAcceptable(dataset, replica, request);
  replica.appliedSeq = request.appliedSeq;
  replica.verifiedSeq = request.verifiedSeq;
  if (request.leaving) replica.leaseUntilMs = Number.NEGATIVE_INFINITY;
  else {
    replica.leaseUntilMs = now.monotonicMs + state.limits.replica_lease_ms;
    remindOfLease(state, dataset, replica);
  }
  const saidState = knownState(request.state);
  const draft = new Draft(state.revision, now, { actor: replica.principal });
  if (saidState === replica.state) settleWaits(state, dataset, now);
  // Otherwise they are settled once the event is applied.
  else addStateChanged(draft, dataset, replica, saidState);
  return replyWith(draft.events, {
    $typeName: "lockstep.v1.AckResponse",
    headSeq: dataset.head.seq,
    inSync: isInSync(dataset, { ...replica, state: saidState }, now),
  });
}

function requireAcceptable(
  { head }: Dataset,
  replica: ReplicaRecord,
  { subscriptionId, appliedSeq }: AckRequest,
): void {
  if (replica.subscriptionId !== subscriptionId)
    throw new Refusal(
      RefusalCode.FAILED_PRECONDITION,
      ErrorReason.SUBSCRIPTION_UNKNOWN,
      `subscription ${subscriptionId} is not the newest of this replica in this epoch: subscribe, and acknowledge that`,
    );
  if (appliedSeq > head.seq) throw logDiverged(`seq ${appliedSeq}`, head.seq);
  if (appliedSeq >= replica.appliedSeq) return;
  throw new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    ErrorReason.ACK_REGRESSED,
    `this generation has acknowledged ${replica.appliedSeq} before: who has lost what it had applied registers anew`,
    { applied_seq: String(replica.appliedSeq) },
  );
}

/** Whoever says something that this version does not know must not be counted on. */
function knownState(state: ReplicaState): ReplicaState {
  const isKnown = state === ReplicaState.OK || state === ReplicaState.DEGRADED;
  return isKnown ? state : ReplicaState.QUARANTINED;
}

/** One reminder does for all replicas of a dataset: those who acknowledge in time are found alive by it. */
function remindOfLease(state: NamespaceState, dataset: Dataset, replica: ReplicaRecord): void {
  if (dataset.leaseReminderMs !== Number.POSITIVE_INFINITY) return;
  dataset.leaseReminderMs = leaseEndMs(replica);
  remind(state, "replicaLease", dataset.id, dataset.leaseReminderMs);
}

/**
 * Looks whose lease is over: what waits for all that are in sync waits for them no more. Gives when to look
 * again; undefined when nobody is alive.
 */
export function endLeases(
  state: NamespaceState,
  datasetId: bigint,
  atMs: number,
  now: Now,
): number | undefined {
  const dataset = state.datasets.byId(datasetId);
  if (dataset === undefined || dataset.leaseReminderMs !== atMs) return undefined;
  settleWaits(state, dataset, now);
  let nextMs = Number.POSITIVE_INFINITY;
  for (const replica of dataset.replicas.values()) {
    const endMs = leaseEndMs(replica);
    if (endMs > now.monotonicMs && endMs < nextMs) nextMs = endMs;
  }
  dataset.leaseReminderMs = nextMs;
  return nextMs === Number.POSITIVE_INFINITY ? undefined : nextMs;
}

/** The first whole millisecond at which a replica is not alive any more. */
function leaseEndMs({ leaseUntilMs }: ReplicaRecord): number {
  return leaseUntilMs + 1;
}

function addStateChanged(
  draft: Draft,
  dataset: Dataset,
  { name, generation, appliedSeq, verifiedSeq }: ReplicaRecord,
  state: ReplicaState,
): void {
  draft.add({
    case: "replicaStateChanged",
    value: {
      $typeName: "lockstep.v1.ReplicaStateChanged",
      dataset: dataset.name,
      datasetId: dataset.id,
      replica: name,
      generation,
      state,
      appliedSeq,
      verifiedSeq,
    },
  });
}
