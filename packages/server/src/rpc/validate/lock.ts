import {
  type AcquireRequest,
  type CancelAcquireRequest,
  type CheckFenceRequest,
  type EventFilter,
  type ForceReleaseRequest,
  type GetLockRequest,
  type Limits,
  type ListEventsRequest,
  type ListLocksRequest,
  LockMode,
  type LockTarget,
  type ReleaseRequest,
  type WatchRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import {
  checkAnswered,
  checkCorrelationId,
  checkDuration,
  checkName,
  checkNotNegative,
  checkNumber,
  checkPageSize,
  checkPageToken,
  checkPositive,
  checkPrefix,
  checkText,
} from "./fields.ts";

const FILTER_KEYS = 128;
const REASON_BYTES = 512;

/** The bounds of an AcquireRequest, its session apart. */
export function checkAcquire(request: AcquireRequest, limits: Limits): void {
  checkPositive("request_id", request.requestId);
  checkAnswered(request.answered, limits);
  checkTargets(request.targets);
  if (request.owner !== "") checkName("owner", request.owner);
  checkNotNegative("wait_ms", request.waitMs);
  checkDuration("poll_timeout_ms", request.pollTimeoutMs, 0, limits.max_poll_timeout_ms);
  checkCorrelationId(request.correlationId);
}

/** The bounds of a ReleaseRequest, its session apart. */
export function checkRelease(request: ReleaseRequest, limits: Limits): void {
  checkPositive("request_id", request.requestId);
  checkAnswered(request.answered, limits);
  checkPositive("hold_id", request.holdId);
  checkPositive("token", request.token);
  checkCorrelationId(request.correlationId);
}

/** The bounds of a CancelAcquireRequest, its session apart. */
export function checkCancelAcquire(request: CancelAcquireRequest, limits: Limits): void {
  checkPositive("request_id", request.requestId);
  checkAnswered(request.answered, limits);
  checkPositive("acquire_request_id", request.acquireRequestId);
  checkCorrelationId(request.correlationId);
}

/** The bounds of a CheckFenceRequest, its namespace apart. */
export function checkCheckFence(request: CheckFenceRequest): void {
  checkName("key", request.key);
  checkPositive("token", request.token);
}

/** The bounds of a GetLockRequest. */
export function checkGetLock(request: GetLockRequest): void {
  checkName("namespace", request.namespace);
  checkName("key", request.key);
}

/** The bounds of a ListLocksRequest. */
export function checkListLocks(request: ListLocksRequest): void {
  checkName("namespace", request.namespace);
  checkPrefix("key_prefix", request.keyPrefix);
  checkPageSize(request.pageSize);
  checkPageToken(request.pageToken);
}

/** The bounds of a WatchRequest. */
export function checkWatch(request: WatchRequest): void {
  checkName("namespace", request.namespace);
  checkFilter(request.filter);
  if (request.afterRevision !== undefined) checkNumber("after_revision", request.afterRevision);
}

/** The bounds of a ListEventsRequest. */
export function checkListEvents(request: ListEventsRequest): void {
  checkName("namespace", request.namespace);
  checkFilter(request.filter);
  checkNumber("after_revision", request.afterRevision);
  checkPageSize(request.pageSize);
}

/** The bounds of a ForceReleaseRequest. */
export function checkForceRelease(request: ForceReleaseRequest): void {
  checkName("namespace", request.namespace);
  checkName("key", request.key);
  checkPositive("expected_token", request.expectedToken);
  if (request.reason === "") throw invalidField("reason", "must not be empty");
  checkText("reason", request.reason, REASON_BYTES);
  checkCorrelationId(request.correlationId);
}

function checkTargets(targets: readonly LockTarget[]): void {
  const [target] = targets;
  if (target === undefined || targets.length > 1) {
    throw invalidField("targets", "must have exactly one entry");
  }
  checkName("targets[0].key", target.key);
  if (target.mode !== LockMode.EXCLUSIVE) {
    throw invalidField("targets[0].mode", "must be LOCK_MODE_EXCLUSIVE");
  }
}

function checkFilter(filter: EventFilter | undefined): void {
  if (filter === undefined) return;
  if (filter.keys.length > FILTER_KEYS) {
    throw invalidField("filter.keys", `must not have more than ${FILTER_KEYS} entries`);
  }
  for (const [index, key] of filter.keys.entries()) checkName(`filter.keys[${index}]`, key);
  checkPrefix("filter.key_prefix", filter.keyPrefix);
  if (filter.keys.length > 0 && filter.keyPrefix !== "") {
    throw invalidField("filter.key_prefix", "must be empty when keys are given");
  }
}
