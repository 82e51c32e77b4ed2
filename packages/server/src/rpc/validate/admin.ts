import type {
  ClearQuarantineRequest,
  ForceReleaseRequest,
  GetPolicyRequest,
  GetWaitGraphRequest,
  Limits,
  ListQuarantinesRequest,
  LockPolicy,
  QuarantineIdentityRequest,
  RevokeSessionRequest,
  SetPolicyRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import {
  checkCorrelationId,
  checkCount,
  checkDuration,
  checkName,
  checkNotNegative,
  checkNumber,
  checkPageSize,
  checkPageToken,
  checkPositive,
  checkPrefix,
  checkReason,
} from "./fields.ts";
import { PERMITS_MAX } from "./targets.ts";

const WAITS_MAX = 10_000;

/** The bounds of a ForceReleaseRequest. */
export function checkForceRelease(request: ForceReleaseRequest): void {
  checkName("namespace", request.namespace);
  checkName("key", request.key);
  checkPositive("expected_token", request.expectedToken);
  checkAct(request);
}

/** The bounds of a RevokeSessionRequest. */
export function checkRevokeSession(request: RevokeSessionRequest): void {
  checkName("namespace", request.namespace);
  checkPositive("session_id", request.sessionId);
  checkAct(request);
}

/** The bounds of a ClearQuarantineRequest. */
export function checkClearQuarantine(request: ClearQuarantineRequest): void {
  checkName("namespace", request.namespace);
  const { subject } = request;
  if (subject.case === undefined) throw invalidField("subject", "is required: key or principal");
  checkName(subject.case, subject.value);
  checkPositive("expected_revision", request.expectedRevision);
  checkAct(request);
}

/** The bounds of a QuarantineIdentityRequest. */
export function checkQuarantineIdentity(request: QuarantineIdentityRequest): void {
  checkName("namespace", request.namespace);
  checkName("principal", request.principal);
  checkAct(request);
}

/** The bounds of a ListQuarantinesRequest. */
export function checkListQuarantines(request: ListQuarantinesRequest): void {
  checkName("namespace", request.namespace);
  checkPageSize(request.pageSize);
  checkPageToken(request.pageToken);
}

/** The bounds of a GetPolicyRequest. */
export function checkGetPolicy(request: GetPolicyRequest): void {
  checkName("namespace", request.namespace);
  if (request.key !== "") checkName("key", request.key);
}

/** The bounds of a SetPolicyRequest. */
export function checkSetPolicy(request: SetPolicyRequest, limits: Limits): void {
  checkName("namespace", request.namespace);
  checkPrefix("key_prefix", request.keyPrefix);
  checkPolicy(request.policy, limits);
  checkNumber("expected_version", request.expectedVersion);
  checkAct(request);
}

/** The bounds of a GetWaitGraphRequest. */
export function checkGetWaitGraph(request: GetWaitGraphRequest): void {
  checkName("namespace", request.namespace);
  checkPrefix("key_prefix", request.keyPrefix);
  checkCount("waits_max", request.waitsMax, WAITS_MAX);
}

/** What all acts of operators have. */
export function checkAct(request: { reason: string; correlationId: string }): void {
  checkReason(request.reason);
  checkCorrelationId(request.correlationId);
}

function checkPolicy(policy: LockPolicy | undefined, limits: Limits): void {
  if (policy === undefined) return;
  checkNotNegative("policy.max_hold_ms", policy.maxHoldMs);
  checkDuration("policy.lock_delay_ms", policy.lockDelayMs, 0, limits.max_lock_delay_ms);
  checkCount("policy.permits", policy.permits, PERMITS_MAX);
  checkCount("policy.max_waiters", policy.maxWaiters, limits.max_waiters_per_key);
  checkDuration("policy.max_wait_ms", policy.maxWaitMs, 0, limits.max_wait_ms);
}
