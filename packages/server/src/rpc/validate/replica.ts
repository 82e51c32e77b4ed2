import {
  type AckRequest,
  type Limits,
  type ListReplicasRequest,
  type LogPosition,
  type RegisterReplicaRequest,
  ReplicaState,
  type SnapshotCursor,
  type SubscribeRequest,
  type UnregisterReplicaRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkDatasetName } from "./dataset.ts";
import {
  checkCorrelationId,
  checkDuration,
  checkName,
  checkNumber,
  checkPageSize,
  checkPageToken,
  checkPositive,
  checkReasonIfAny,
  checkText,
} from "./fields.ts";

const INSTANCE_BYTES = 16;
const DESCRIPTION_BYTES = 512;
const HASH_BYTES = 32;

/** The bounds of a RegisterReplicaRequest. */
export function checkRegisterReplica(request: RegisterReplicaRequest): void {
  checkDatasetName(request);
  checkName("replica", request.replica);
  if (request.instance.length !== INSTANCE_BYTES) {
    throw invalidField("instance", `must be exactly ${INSTANCE_BYTES} bytes`);
  }
  checkNumber("expected_generation", request.expectedGeneration);
  checkText("description", request.description, DESCRIPTION_BYTES);
  checkCorrelationId(request.correlationId);
}

/** The bounds of an UnregisterReplicaRequest. */
export function checkUnregisterReplica(request: UnregisterReplicaRequest): void {
  checkDatasetName(request);
  checkGeneration(request);
  checkReasonIfAny(request.reason);
  checkCorrelationId(request.correlationId);
}

/** The bounds of a ListReplicasRequest. */
export function checkListReplicas(request: ListReplicasRequest): void {
  checkDatasetName(request);
  checkPageSize(request.pageSize);
  checkPageToken(request.pageToken);
}

/** The bounds of an AckRequest, its namespace apart. A state that is not known here is no error. */
export function checkAck(request: AckRequest): void {
  checkName("dataset", request.dataset);
  checkGeneration(request);
  checkPositive("subscription_id", request.subscriptionId);
  checkNumber("applied_seq", request.appliedSeq);
  if (request.verifiedSeq > request.appliedSeq) {
    throw invalidField("verified_seq", "must not be above applied_seq");
  }
  if (request.state === ReplicaState.UNSPECIFIED) throw invalidField("state", "is required");
}

/** The bounds of a SubscribeRequest. */
export function checkSubscribe(request: SubscribeRequest, limits: Limits): void {
  checkDatasetName(request);
  const isReplica = request.replica !== "";
  if (isReplica) checkGeneration(request);
  else if (request.generation !== 0n) {
    throw invalidField("generation", "must be 0 without a replica");
  }
  const { start, windowBytes } = request;
  if (start.case === "cursor") checkPosition("cursor", start.value, { hashMayLack: !isReplica });
  if (start.case === "snapshot") checkSnapshotCursor(start.value, limits);
  checkDuration("window_bytes", windowBytes, 0, limits.max_subscription_window_bytes);
  if (!isReplica && windowBytes !== 0n) {
    throw invalidField("window_bytes", "must be 0 without a replica");
  }
}

/** Demands who calls as which replica. */
export function checkGeneration(request: { replica: string; generation: bigint }): void {
  checkName("replica", request.replica);
  checkPositive("generation", request.generation);
}

/** Demands a place in a log. */
export function checkPosition(
  field: string,
  { seq, logHash }: LogPosition,
  { hashMayLack = false } = {},
): void {
  checkNumber(`${field}.seq`, seq);
  if (logHash.length === HASH_BYTES || (hashMayLack && logHash.length === 0)) return;
  throw invalidField(`${field}.log_hash`, `must be exactly ${HASH_BYTES} bytes`);
}

function checkSnapshotCursor({ snapshotId, low, afterKey }: SnapshotCursor, limits: Limits): void {
  checkPositive("snapshot.snapshot_id", snapshotId);
  if (low === undefined) throw invalidField("snapshot.low", "is required");
  checkPosition("snapshot.low", low);
  const max = limits.max_entry_key_bytes;
  if (afterKey.length > max) {
    throw invalidField("snapshot.after_key", `must not be longer than ${max} bytes`);
  }
}
