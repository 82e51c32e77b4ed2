import {
  type AcquireRequest,
  type CancelAcquireRequest,
  type CheckFenceRequest,
  type GetLockRequest,
  type Limits,
  type ListLocksRequest,
  type OnLoss,
  OnLossAction,
  Reentrancy,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import {
  checkAnswered,
  checkCorrelationId,
  checkDuration,
  checkEnum,
  checkMetadata,
  checkName,
  checkNotNegative,
  checkPageSize,
  checkPageToken,
  checkPositive,
  checkPrefix,
} from "./fields.ts";
import { checkTargets } from "./targets.ts";

/** The bounds of an AcquireRequest, its session apart. */
export function checkAcquire(request: AcquireRequest, limits: Limits): void {
  checkPositive("request_id", request.requestId);
  checkAnswered(request.answered, limits);
  checkTargets(request.targets, limits);
  if (request.owner !== "") checkName("owner", request.owner);
  checkWait(request, limits);
  checkEnum("reentrancy", Reentrancy, request.reentrancy, "optional");
  checkNotNegative("max_hold_ms", request.maxHoldMs);
  checkOnLoss(request.onLoss, limits);
  checkValue(request.value, limits);
  checkMetadata(request.metadata);
  checkCorrelationId(request.correlationId);
}

/** Demands how long to wait, and how long to stay open for it. */
export function checkWait(
  { waitMs, pollTimeoutMs }: { waitMs: bigint; pollTimeoutMs: bigint },
  limits: Limits,
): void {
  checkNotNegative("wait_ms", waitMs);
  checkDuration("poll_timeout_ms", pollTimeoutMs, 0, limits.max_poll_timeout_ms);
}

/** Demands what a holder publishes. */
export function checkValue(value: Uint8Array, limits: Limits): void {
  const max = limits.max_value_bytes;
  if (value.byteLength > max) throw invalidField("value", `must not be longer than ${max} bytes`);
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

function checkOnLoss(onLoss: OnLoss | undefined, limits: Limits): void {
  if (onLoss === undefined) return;
  const { action, delayMs } = onLoss;
  checkEnum("on_loss.action", OnLossAction, action, "optional");
  if (action === OnLossAction.DELAY) {
    checkDuration("on_loss.delay_ms", delayMs, 1, limits.max_lock_delay_ms);
  } else if (delayMs !== 0n) {
    throw invalidField("on_loss.delay_ms", "must be 0 unless the action is DELAY");
  }
}
