import type {
  CloseSessionRequest,
  GetSessionRequest,
  KeepAliveRequest,
  Limits,
  ListSessionsRequest,
  OpenSessionRequest,
} from "@lockstep/protocol";
import {
  checkAnswered,
  checkCorrelationId,
  checkDuration,
  checkMetadata,
  checkName,
  checkNumber,
  checkPageSize,
  checkPageToken,
  checkPositive,
  checkSecret,
  checkText,
} from "./fields.ts";

const DISPLAY_NAME_BYTES = 512;

/** The bounds of an OpenSessionRequest. */
export function checkOpenSession(request: OpenSessionRequest, limits: Limits): void {
  checkName("namespace", request.namespace);
  checkSecret("secret", request.secret);
  if (request.ttlMs !== 0n) {
    checkDuration("ttl_ms", request.ttlMs, limits.min_ttl_ms, limits.max_ttl_ms);
  }
  checkText("display_name", request.displayName, DISPLAY_NAME_BYTES);
  checkMetadata(request.metadata);
  checkCorrelationId(request.correlationId);
}

/** The bounds of a KeepAliveRequest, its session apart. */
export function checkKeepAlive(request: KeepAliveRequest, limits: Limits): void {
  checkNumber("seq", request.seq);
  checkNumber("seen_revision", request.seenRevision);
  checkAnswered(request.answered, limits);
}

/** The bounds of a CloseSessionRequest, its session apart. */
export function checkCloseSession(request: CloseSessionRequest, limits: Limits): void {
  checkPositive("request_id", request.requestId);
  checkAnswered(request.answered, limits);
  checkCorrelationId(request.correlationId);
}

/** The bounds of a GetSessionRequest, its session apart. */
export function checkGetSession(request: GetSessionRequest, limits: Limits): void {
  checkAnswered(request.answered, limits);
}

/** The bounds of a ListSessionsRequest. */
export function checkListSessions(request: ListSessionsRequest): void {
  checkName("namespace", request.namespace);
  checkPageSize(request.pageSize);
  checkPageToken(request.pageToken);
}
