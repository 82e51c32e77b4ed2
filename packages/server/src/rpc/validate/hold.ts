import type {
  ConvertRequest,
  Limits,
  ReleaseRequest,
  RequestReleaseRequest,
  SetValueRequest,
  TransferRequest,
} from "@lockstep/protocol";
import {
  checkAnswered,
  checkCorrelationId,
  checkName,
  checkNumber,
  checkPositive,
  checkReasonIfAny,
} from "./fields.ts";
import { checkValue, checkWait } from "./lock.ts";
import { checkMode } from "./targets.ts";

/** The bounds of a ReleaseRequest, its session apart. */
export function checkRelease(request: ReleaseRequest, limits: Limits): void {
  checkHoldRequest(request, limits);
}

/** The bounds of a ConvertRequest, its session apart. */
export function checkConvert(request: ConvertRequest, limits: Limits): void {
  checkHoldRequest(request, limits);
  checkName("key", request.key);
  checkMode("mode", request.mode);
  checkWait(request, limits);
}

/** The bounds of a TransferRequest, its session apart. */
export function checkTransfer(request: TransferRequest, limits: Limits): void {
  checkHoldRequest(request, limits);
  checkPositive("to_session_id", request.toSessionId);
  checkPositive("to_request_id", request.toRequestId);
}

/** The bounds of a SetValueRequest, its session apart. */
export function checkSetValue(request: SetValueRequest, limits: Limits): void {
  checkHoldRequest(request, limits);
  checkValue(request.value, limits);
}

/** The bounds of a RequestReleaseRequest, its namespace apart. */
export function checkRequestRelease(request: RequestReleaseRequest): void {
  checkName("key", request.key);
  checkNumber("token", request.token);
  checkReasonIfAny(request.reason);
  checkCorrelationId(request.correlationId);
}

/** What all requests about a hold of the caller's session have. */
function checkHoldRequest(
  request: Pick<ReleaseRequest, "requestId" | "answered" | "holdId" | "token" | "correlationId">,
  limits: Limits,
): void {
  checkPositive("request_id", request.requestId);
  checkAnswered(request.answered, limits);
  checkPositive("hold_id", request.holdId);
  checkPositive("token", request.token);
  checkCorrelationId(request.correlationId);
}
