import type { Op, Reply, SessionCaller } from "@lockstep/core";
import type { AttachCall, Limits } from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkNotNegative, checkText, TRACEPARENT_BYTES } from "../validate/fields.ts";
import {
  checkAcquire,
  checkCancelAcquire,
  checkCheckFence,
  checkRelease,
} from "../validate/lock.ts";
import { checkCloseSession, checkGetSession, checkKeepAlive } from "../validate/session.ts";

/** The operations an Attach carries. */
export type AttachedKind = Exclude<AttachCall["request"]["case"], undefined>;

/** The reply to one of them. */
export type AttachedReply = Reply<AttachedKind>;

/** Who an Attach speaks for, once its secret has been checked. */
export interface AttachedSession {
  readonly namespace: string;
  readonly caller: SessionCaller;
}

/**
 * Reads one call of an Attach into the operation it asks for.
 * @throws Refusal INVALID_FIELD.
 */
export function attachedOp(
  { request, timeoutMs, traceparent }: AttachCall,
  { namespace, caller }: AttachedSession,
  limits: Limits,
): Op<AttachedKind> {
  checkNotNegative("timeout_ms", timeoutMs);
  checkText("traceparent", traceparent, TRACEPARENT_BYTES);
  switch (request.case) {
    case "keepAlive":
      checkKeepAlive(withoutSession(request.value), limits);
      return { kind: request.case, caller, request: request.value };
    case "closeSession":
      checkCloseSession(withoutSession(request.value), limits);
      return { kind: request.case, caller, request: request.value };
    case "getSession":
      checkGetSession(withoutSession(request.value), limits);
      return { kind: request.case, caller, request: request.value };
    case "acquire":
      checkAcquire(withoutSession(request.value), limits);
      return { kind: request.case, caller, request: request.value, answerQueued: false };
    case "release":
      checkRelease(withoutSession(request.value), limits);
      return { kind: request.case, caller, request: request.value };
    case "cancelAcquire":
      checkCancelAcquire(withoutSession(request.value), limits);
      return { kind: request.case, caller, request: request.value };
    case "checkFence":
      checkCheckFence(request.value);
      if (request.value.namespace !== "" && request.value.namespace !== namespace) {
        throw invalidField("namespace", "must be absent or that of the session on Attach");
      }
      return { kind: request.case, request: request.value };
    case undefined:
      throw invalidField("request", "is required");
  }
}

function withoutSession<T extends { session?: unknown }>(request: T): T {
  if (request.session !== undefined) throw invalidField("session", "must be absent on Attach");
  return request;
}
