import {
  type IdRange,
  type Limits,
  nameProblem,
  type SessionRef,
  textProblem,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";

const MAX_UINT63 = 2n ** 63n - 1n;
const SECRET_BYTES = 32;
/** The most bytes of a correlation id. */
export const CORRELATION_ID_BYTES = 128;
/** The most bytes of a W3C trace context. */
export const TRACEPARENT_BYTES = 128;
const PREFIX_BYTES = 512;
const REASON_BYTES = 512;
const METADATA_ENTRIES = 16;
const METADATA_KEY_BYTES = 128;
const METADATA_VALUE_BYTES = 512;
const PAGE_TOKEN_BYTES = 1_024;
const PAGE_SIZE_MAX = 1_000;

/** Demands a name: a key, a namespace, an owner. */
export function checkName(field: string, text: string): void {
  refuseIf(field, nameProblem(text));
}

/** Demands a text for people of at most `maxBytes`; it may be empty. */
export function checkText(field: string, text: string, maxBytes: number): void {
  refuseIf(field, textProblem(text, maxBytes));
}

/** Demands the beginning of a name; it may be empty. */
export function checkPrefix(field: string, text: string): void {
  checkText(field, text, PREFIX_BYTES);
}

/** Demands a correlation id. */
export function checkCorrelationId(text: string): void {
  checkText("correlation_id", text, CORRELATION_ID_BYTES);
}

/** Demands the reason a person gives for what they do. */
export function checkReason(text: string): void {
  if (text === "") throw invalidField("reason", "must not be empty");
  checkText("reason", text, REASON_BYTES);
}

/** Demands a reason, or none. */
export function checkReasonIfAny(text: string): void {
  checkText("reason", text, REASON_BYTES);
}

/** Demands what a client says of itself or of a lock. */
export function checkMetadata(metadata: Readonly<Record<string, string>>): void {
  const entries = Object.entries(metadata);
  if (entries.length > METADATA_ENTRIES) {
    throw invalidField("metadata", `must not have more than ${METADATA_ENTRIES} entries`);
  }
  for (const [key, value] of entries) {
    if (key === "") throw invalidField("metadata.key", "must not be empty");
    checkText("metadata.key", key, METADATA_KEY_BYTES);
    checkText("metadata.value", value, METADATA_VALUE_BYTES);
  }
}

/** Demands an identity, a token or a request id: 1 to 2^63 - 1. */
export function checkPositive(field: string, value: bigint): void {
  if (value < 1n) throw invalidField(field, "must be above 0");
  checkNumber(field, value);
}

/** Demands a number below 2^63. */
export function checkNumber(field: string, value: bigint): void {
  if (value > MAX_UINT63) throw invalidField(field, "must be below 2^63");
}

/** Demands a duration of `minMs` to `maxMs`. */
export function checkDuration(field: string, ms: bigint, minMs: number, maxMs: number): void {
  if (ms < BigInt(minMs) || ms > BigInt(maxMs)) {
    throw invalidField(field, `must be ${minMs} to ${maxMs}`);
  }
}

/** Demands a duration that is not negative. */
export function checkNotNegative(field: string, value: bigint): void {
  if (value < 0n) throw invalidField(field, "must not be negative");
}

/** Demands a count of 0 to `max`. */
export function checkCount(field: string, count: number, max: number): void {
  if (count < 0 || count > max) throw invalidField(field, `must be 0 to ${max}`);
}

/** Demands one of an enum's values, other than UNSPECIFIED where `required`. */
export function checkEnum(
  field: string,
  names: Readonly<Record<number, string>>,
  value: number,
  required: "required" | "optional",
): void {
  if (required === "required" && value === 0) throw invalidField(field, "is required");
  if (!Object.hasOwn(names, value)) throw invalidField(field, "must be a known value");
}

/** Demands a page size; 0 stands for the default. */
export function checkPageSize(size: number): void {
  checkCount("page_size", size, PAGE_SIZE_MAX);
}

/** Demands what may be a page token; empty is the beginning. */
export function checkPageToken(token: string): void {
  checkText("page_token", token, PAGE_TOKEN_BYTES);
}

/** Demands a session's secret. */
export function checkSecret(field: string, secret: Uint8Array): void {
  if (secret.byteLength !== SECRET_BYTES) {
    throw invalidField(field, `must be exactly ${SECRET_BYTES} bytes`);
  }
}

/** Demands a reference to a session and returns it. */
export function checkSessionRef(field: string, ref: SessionRef | undefined): SessionRef {
  if (ref === undefined) throw invalidField(field, "is required");
  checkName(`${field}.namespace`, ref.namespace);
  checkPositive(`${field}.session_id`, ref.sessionId);
  checkSecret(`${field}.secret`, ref.secret);
  return ref;
}

/** Demands what a request says of replies it has received. */
export function checkAnswered(answered: readonly IdRange[], limits: Limits): void {
  if (answered.length > limits.max_answered_ranges) {
    throw invalidField("answered", `must not have more than ${limits.max_answered_ranges} ranges`);
  }
  for (const [index, range] of answered.entries()) {
    checkPositive(`answered[${index}].first`, range.first);
    checkNumber(`answered[${index}].last`, range.last);
    if (range.last < range.first) {
      throw invalidField(`answered[${index}].last`, "must not be below first");
    }
  }
}

function refuseIf(field: string, problem: string | undefined): void {
  if (problem !== undefined) throw invalidField(field, problem);
}
