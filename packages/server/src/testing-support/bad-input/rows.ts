import type { DescMethod } from "@bufbuild/protobuf";
import { secretOf } from "../test-server.ts";

/** A request with one bad value, and the name of the field that the refusal must tell. */
export interface BadInput {
  readonly method: DescMethod;
  readonly field: string;
  /** What is bad about it, for the title of the test. */
  readonly what: string;
  readonly request: object;
}

/** What is bad: the field, why, and what a good request is changed by. */
export type BadValue = readonly [field: string, what: string, change: object];

/** A name, or a text for people, that is too long. */
export const long: string = "x".repeat(513);
/** A number that is no revision, token or id. */
export const above: bigint = 2n ** 63n;
/** A reference to a session that is good as far as bounds go. */
export const session: object = { namespace: "default", sessionId: 1n, secret: secretOf(1) };

/**
 * The bad requests of one method: `bad` changes `good`, and what fields of the same name have in common in
 * all methods is added.
 */
export function badInputs(
  method: DescMethod,
  good: object,
  bad: readonly BadValue[],
): readonly BadInput[] {
  const common = method.input.fields.flatMap(({ name }) => COMMON[name] ?? []);
  return [...common, ...bad].map(([field, what, change]) => ({
    method,
    field,
    what,
    request: { ...good, ...change },
  }));
}

const range = (first: bigint, last: bigint) => ({ answered: [{ first, last }] });
const changed = (change: object) => ({ session: { ...session, ...change } });

/** By the name of the field. */
const COMMON: Readonly<Record<string, readonly BadValue[]>> = {
  session: [
    ["session", "absent", { session: undefined }],
    ["session.namespace", "empty", changed({ namespace: "" })],
    ["session.session_id", "0", changed({ sessionId: 0n })],
    ["session.secret", "too short", changed({ secret: new Uint8Array(31) })],
  ],
  namespace: [
    ["namespace", "empty", { namespace: "" }],
    ["namespace", "too long", { namespace: long }],
  ],
  request_id: [
    ["request_id", "0", { requestId: 0n }],
    ["request_id", "above 2^63", { requestId: above }],
  ],
  answered: [
    ["answered", "too many ranges", { answered: manyRanges() }],
    ["answered[0].first", "0", range(0n, 1n)],
    ["answered[0].last", "below the first", range(2n, 1n)],
    ["answered[0].last", "above 2^63", range(1n, above)],
  ],
  correlation_id: [
    ["correlation_id", "too long", { correlationId: "x".repeat(129) }],
    ["correlation_id", "with a control character", { correlationId: "\u0085" }],
  ],
  hold_id: [["hold_id", "0", { holdId: 0n }]],
  page_size: [
    ["page_size", "negative", { pageSize: -1 }],
    ["page_size", "too large", { pageSize: 1_001 }],
  ],
  page_token: [["page_token", "too long", { pageToken: "x".repeat(1_025) }]],
  reason: [
    ["reason", "too long", { reason: long }],
    ["reason", "with a control character", { reason: "a\nb" }],
  ],
};

function manyRanges(): object[] {
  return Array.from({ length: 1_025 }, (_, index) => {
    const id = BigInt(2 * index + 1);
    return { first: id, last: id };
  });
}

/** An object with so many entries. */
export function entries(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, "a"]));
}
