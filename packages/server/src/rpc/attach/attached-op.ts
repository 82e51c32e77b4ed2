import type { Op, Reply, SessionCaller } from "@lockstep/core";
import type { AttachCall, Limits } from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkAppend } from "../validate/append.ts";
import { checkNotNegative, checkText, TRACEPARENT_BYTES } from "../validate/fields.ts";
import {
  checkConvert,
  checkRelease,
  checkRequestRelease,
  checkSetValue,
  checkTransfer,
} from "../validate/hold.ts";
import { checkAcquire, checkCancelAcquire, checkCheckFence } from "../validate/lock.ts";
import { checkAck } from "../validate/replica.ts";
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

/** Whether an operation may have to wait for a lock. */
export function mayWaitForLock({ kind }: Op<AttachedKind>): boolean {
  return kind === "acquire" || kind === "convert";
}

/**
 * Reads one call of an Attach into the operation it asks for.
 * @throws Refusal INVALID_FIELD.
 */
export function attachedOp(
  { request, timeoutMs, traceparent }: AttachCall,
  session: AttachedSession,
  limits: Limits,
): Op<AttachedKind> {
  checkNotNegative("timeout_ms", timeoutMs);
  checkText("traceparent", traceparent, TRACEPARENT_BYTES);
  switch (request.case) {
    case "checkFence":
      checkCheckFence(request.value);
      checkNamespace(request.value, session);
      return { kind: request.case, request: request.value };
    case "requestRelease": {
      checkRequestRelease(request.value);
      checkNamespace(request.value, session);
      const { principal } = session.caller;
      return { kind: request.case, principal, request: request.value };
    }
    case "append": {
      checkAppend(request.value, limits);
      checkNamespace(request.value, session);
      const { principal } = session.caller;
      return { kind: request.case, principal, request: request.value };
    }
    case "ack":
      checkAck(request.value);
      checkNamespace(request.value, session);
      return { kind: request.case, request: request.value };
    case undefined:
      throw invalidField("request", "is required");
    default:
      if (request.value.session !== undefined) {
        throw invalidField("session", "must be absent on Attach");
      }
      return sessionOp(request, session.caller, limits);
  }
}

type SessionCall = Exclude<
  AttachCall["request"],
  { case: "checkFence" | "requestRelease" | "append" | "ack" | undefined }
>;

function sessionOp(
  { case: kind, value: request }: SessionCall,
  caller: SessionCaller,
  limits: Limits,
): Op<AttachedKind> {
  switch (kind) {
    case "keepAlive":
      checkKeepAlive(request, limits);
      return { kind, caller, request };
    case "closeSession":
      checkCloseSession(request, limits);
      return { kind, caller, request };
    case "getSession":
      checkGetSession(request, limits);
      return { kind, caller, request };
    case "acquire":
      checkAcquire(request, limits);
      return { kind, caller, request, answerQueued: false };
    case "release":
      checkRelease(request, limits);
      return { kind, caller, request };
    case "convert":
      checkConvert(request, limits);
      return { kind, caller, request, answerQueued: false };
    case "transfer":
      checkTransfer(request, limits);
      return { kind, caller, request };
    case "setValue":
      checkSetValue(request, limits);
      return { kind, caller, request };
    case "cancelAcquire":
      checkCancelAcquire(request, limits);
      return { kind, caller, request };
  }
}

function checkNamespace(request: { namespace: string }, { namespace }: AttachedSession): void {
  if (request.namespace !== "" && request.namespace !== namespace) {
    throw invalidField("namespace", "must be absent or that of the session on Attach");
  }
}
