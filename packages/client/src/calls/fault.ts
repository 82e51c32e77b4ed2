import { Code, ConnectError } from "@connectrpc/connect";
import { type AttachError, ErrorReason, errorDetailOf } from "@lockstep/protocol";
import { type LossReason, RequestError } from "../errors.ts";

/**
 * Why an attempt brought no reply. Without a reason of the protocol it is the transport's fault, whatever
 * its code: whether the request was executed is unknown.
 */
export interface Fault {
  readonly code: Code;
  readonly reason: ErrorReason | undefined;
  readonly message: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A fault that rejects a promise. */
export class FaultError extends Error {
  override readonly name = "FaultError";
  readonly fault: Fault;

  constructor(fault: Fault) {
    super(fault.message);
    this.fault = fault;
  }
}

/** What the RPC library threw, or one item of an Attach. */
export function faultOf(error: unknown): Fault {
  if (error instanceof FaultError) return error.fault;
  const { code, rawMessage } = ConnectError.from(error);
  const detail = errorDetailOf(error);
  return { code, reason: detail?.reason, message: rawMessage, metadata: detail?.metadata ?? {} };
}

/** The error of one item of an Attach. */
export function faultOfItem({ code, message, detail }: AttachError): Fault {
  return { code, reason: detail?.reason, message, metadata: detail?.metadata ?? {} };
}

/** A fault of the transport that the client has noticed by itself. */
export function transportFault(message: string): Fault {
  return { code: Code.Unavailable, reason: undefined, message, metadata: {} };
}

/**
 * Repeat the request with the same request id: its outcome is open, or it was not executed for a reason that passes
 * by itself as soon as other replies are confirmed.
 */
export function isOpen({ code, reason, metadata }: Fault): boolean {
  if (reason === undefined || code === Code.Unavailable || OPEN_REASONS.has(reason)) return true;
  const { limit = "" } = metadata;
  return reason === ErrorReason.LIMIT_EXCEEDED && PASSING_LIMITS.has(limit);
}

/** How the session ended, if that is what the fault says. */
export function sessionEnd({ reason }: Fault): LossReason | undefined {
  return reason === undefined ? undefined : SESSION_ENDS.get(reason);
}

/** The fault as the error an application sees. */
export function requestError({ code, reason, message, metadata }: Fault): RequestError {
  const name = reason === undefined ? undefined : ErrorReason[reason];
  return new RequestError(codeName(code), name ?? "UNKNOWN", message, metadata);
}

const OPEN_REASONS: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.ATTACH_SUPERSEDED,
  ErrorReason.SERVER_STOPPING,
  ErrorReason.RECOVERING,
  ErrorReason.JOURNAL_FAILED,
  ErrorReason.DEADLINE_EXCEEDED,
  ErrorReason.CANCELLED,
  ErrorReason.INTERNAL,
]);

const PASSING_LIMITS: ReadonlySet<string> = new Set(["max_answered_ranges", "max_unanswered"]);

const SESSION_ENDS: ReadonlyMap<ErrorReason, LossReason> = new Map([
  [ErrorReason.SESSION_EXPIRED, "SESSION_EXPIRED"],
  [ErrorReason.SESSION_CLOSED, "SESSION_CLOSED"],
  [ErrorReason.SESSION_REVOKED, "SESSION_REVOKED"],
  [ErrorReason.SESSION_UNKNOWN, "SESSION_UNKNOWN"],
]);

/** `InvalidArgument` as `INVALID_ARGUMENT`. */
function codeName(code: Code): string {
  return (Code[code] ?? "Unknown").replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
