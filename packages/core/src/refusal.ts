import { ErrorReason } from "@lockstep/protocol";

/** The RPC codes a refusal comes with, numbered as in google.rpc.Code. */
export const RefusalCode = {
  INVALID_ARGUMENT: 3,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  ABORTED: 10,
  OUT_OF_RANGE: 11,
  INTERNAL: 13,
  UNAVAILABLE: 14,
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
