import { ErrorReason, SessionState } from "@lockstep/protocol";

/** The RPC codes a refusal comes with, numbered as in google.rpc.Code. */
export const RefusalCode = {
  INVALID_ARGUMENT: 3,
  NOT_FOUND: 5,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
} as const;

/** One of the codes of a refusal. */
export type RefusalCode = (typeof RefusalCode)[keyof typeof RefusalCode];

/** An operation that was not executed: the RPC error its caller gets. Nothing changed. */
export class Refusal extends Error {
  override readonly name = "Refusal";
  readonly code: RefusalCode;
  readonly reason: ErrorReason;
  readonly metadata: Readonly<Record<string, string>>;

  constructor(
    code: RefusalCode,
    reason: ErrorReason,
    message: string,
    metadata: Readonly<Record<string, string>> = {},
  ) {
    super(message);
    this.code = code;
    this.reason = reason;
    this.metadata = metadata;
  }
}

/** A limit was reached. */
export function limitExceeded(limit: string, max: number, what: string): Refusal {
  const message = `${what}: the limit ${limit} of ${max} is reached`;
  return new Refusal(RefusalCode.RESOURCE_EXHAUSTED, ErrorReason.LIMIT_EXCEEDED, message, {
    limit,
    max: String(max),
  });
}

/** What would grow is refused while the disk is nearly full. */
export function storageLow(what: string): Refusal {
  return new Refusal(
    RefusalCode.RESOURCE_EXHAUSTED,
    ErrorReason.STORAGE_LOW,
    `${what} while the server's disk is nearly full: free some space there; releases and keep-alives still work`,
  );
}

const SESSION_ENDS = new Map([
  [SessionState.EXPIRED, { reason: ErrorReason.SESSION_EXPIRED, how: "expired" }],
  [SessionState.CLOSED, { reason: ErrorReason.SESSION_CLOSED, how: "was closed" }],
  [SessionState.REVOKED, { reason: ErrorReason.SESSION_REVOKED, how: "was revoked" }],
]);

/** The session has ended in this state; undefined when it never was, or is no longer remembered. */
export function sessionEnded(sessionId: bigint, state: SessionState | undefined): Refusal {
  const end = state === undefined ? undefined : SESSION_ENDS.get(state);
  const what = end ? `${end.how}; all it held is over` : "is not known here";
  return new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    end?.reason ?? ErrorReason.SESSION_UNKNOWN,
    `session ${sessionId} ${what}: open a new one`,
  );
}
