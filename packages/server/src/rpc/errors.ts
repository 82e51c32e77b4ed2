import { create } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { limitExceeded, Refusal, RefusalCode } from "@lockstep/core";
import {
  type AttachError,
  AttachErrorSchema,
  ErrorReason,
  errorDetailOf,
  type Limits,
  refusal,
} from "@lockstep/protocol";
import { stopping } from "../executor/not-answering.ts";

const MAX_MESSAGE_CHARACTERS = 512;

/**
 * The RPC error of anything thrown: always one with exactly one ErrorDetail. A core `Refusal` keeps its
 * code and reason, an error of the RPC library is explained by `explainReadError`, and everything
 * else is a broken invariant: INTERNAL, with the cause kept for the log and not told to the caller.
 */
export function connectErrorFrom(thrown: unknown): ConnectError {
  if (thrown instanceof Refusal) {
    return refusal(thrown.code as number as Code, thrown.reason, thrown.message, {
      ...thrown.metadata,
    });
  }
  if (thrown instanceof ConnectError) {
    return errorDetailOf(thrown) ? thrown : explainReadError(thrown);
  }
  const error = refusal(
    Code.Internal,
    ErrorReason.INTERNAL,
    "the server broke one of its own invariants; its log tells more",
  );
  error.cause = thrown;
  return error;
}

/**
 * Gives an error the RPC library made while it read a request its reason: the caller's message was
 * wrong, and nothing was executed.
 */
export function explainReadError(error: ConnectError): ConnectError {
  const text = bounded(error.rawMessage);
  switch (error.code) {
    case Code.ResourceExhausted:
      return refusal(error.code, ErrorReason.MESSAGE_TOO_LARGE, text);
    case Code.Unimplemented:
      return refusal(error.code, ErrorReason.UNIMPLEMENTED, text);
    case Code.DeadlineExceeded:
      return deadlineExceeded();
    case Code.Canceled:
    case Code.Aborted:
      return cancelled();
    default:
      return refusal(Code.InvalidArgument, ErrorReason.MALFORMED, text);
  }
}

/** Gives an error the RPC library made while it wrote a reply its reason. */
export function explainWriteError(error: ConnectError, limits: Limits): ConnectError {
  if (error.code !== Code.ResourceExhausted) return connectErrorFrom(new Error(error.rawMessage));
  const max = limits.max_response_bytes;
  return connectErrorFrom(limitExceeded("max_response_bytes", max, "the reply is too large"));
}

/** The error of one call of an Attach. */
export function attachErrorFrom(thrown: unknown): AttachError {
  const error = connectErrorFrom(thrown);
  const detail = errorDetailOf(error);
  const message = error.rawMessage;
  return create(AttachErrorSchema, { code: error.code, message, ...(detail && { detail }) });
}

/** A field of a request breaks a rule; nothing changed. */
export function invalidField(field: string, rule: string): Refusal {
  return new Refusal(RefusalCode.INVALID_ARGUMENT, ErrorReason.INVALID_FIELD, `${field} ${rule}`, {
    field,
    rule,
  });
}

/** The message could not be read; nothing changed. */
export function malformed(what: string): ConnectError {
  return refusal(Code.InvalidArgument, ErrorReason.MALFORMED, bounded(what));
}

/** The message is larger than the server reads; nothing changed. */
export function messageTooLarge(bytes: number, maxBytes: number): ConnectError {
  return refusal(
    Code.ResourceExhausted,
    ErrorReason.MESSAGE_TOO_LARGE,
    `the message of ${bytes} bytes is larger than max_request_bytes, ${maxBytes}`,
    { max: String(maxBytes) },
  );
}

/** The caller's time passed; the outcome is open. */
export function deadlineExceeded(): ConnectError {
  return refusal(
    Code.DeadlineExceeded,
    ErrorReason.DEADLINE_EXCEEDED,
    "the time of this call passed and its outcome is open; repeat it with the same request id",
  );
}

/** The caller gave up; the outcome is open. */
export function cancelled(): ConnectError {
  return refusal(Code.Canceled, ErrorReason.CANCELLED, "the caller gave this call up");
}

/** Why a call aborts whose caller is gone. Thousands may go at once, and an error for each is not cheap. */
export const GONE = cancelled();

/** The server is stopping; sessions go on. */
export function serverStopping(): ConnectError {
  return connectErrorFrom(stopping());
}

/** A newer Attach of the same session took over. */
export function attachSuperseded(): ConnectError {
  return refusal(
    Code.Aborted,
    ErrorReason.ATTACH_SUPERSEDED,
    "a newer Attach of this session took over",
  );
}

/** A newer subscription of the same replica took over. */
export function subscriptionSuperseded(): ConnectError {
  return refusal(
    Code.Aborted,
    ErrorReason.SUBSCRIPTION_SUPERSEDED,
    "a newer subscription of this replica took over",
  );
}

/** A subscriber took or acknowledged nothing for too long. Everything up to the position was sent. */
export function slowConsumer({ seq, logHash }: { seq: bigint; logHash: Uint8Array }): ConnectError {
  return refusal(
    Code.Aborted,
    ErrorReason.SLOW_CONSUMER,
    `the subscriber took or acknowledged nothing for max_subscriber_stall_ms: subscribe again behind ${seq}`,
    { seq: String(seq), log_hash: Buffer.from(logHash).toString("hex") },
  );
}

/** The server does not know this operation. */
export function unimplemented(): ConnectError {
  return refusal(
    Code.Unimplemented,
    ErrorReason.UNIMPLEMENTED,
    "this server does not know the called method; GetServerInfo lists its features",
  );
}

function bounded(text: string): string {
  return text.length <= MAX_MESSAGE_CHARACTERS ? text : `${text.slice(0, MAX_MESSAGE_CHARACTERS)}…`;
}
