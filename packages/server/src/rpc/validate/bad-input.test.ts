import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  AdminService,
  ErrorReason,
  type EventFilterSchema,
  errorDetailOf,
  LockMode,
  LockService,
  type OpenSessionRequestSchema,
  SessionService,
} from "@lockstep/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  acquireOf,
  openSession,
  secretOf,
  startTestServer,
  type TestServer,
  transportTo,
} from "../../testing-support/test-server.ts";

let running: TestServer;
let sessions: Client<typeof SessionService>;
let locks: Client<typeof LockService>;
let admin: Client<typeof AdminService>;

beforeAll(async () => {
  running = await startTestServer();
  const transport = transportTo(running.server.url, "connect-json");
  sessions = createClient(SessionService, transport);
  locks = createClient(LockService, transport);
  admin = createClient(AdminService, transport);
});
afterAll(() => running.close());

const namespace = "default";
const session = { namespace, sessionId: 1n, secret: secretOf(1) };
const long = "x".repeat(513);
const above = 2n ** 63n;
const manyRanges = Array.from({ length: 1_025 }, (_, index) => ({
  first: BigInt(2 * index + 1),
  last: BigInt(2 * index + 1),
}));

type Row = [field: string, value: string, call: () => Promise<unknown>];

const open = (more: MessageInitShape<typeof OpenSessionRequestSchema>) => () =>
  sessions.openSession({ namespace, secret: secretOf(1), ...more });
const acquire = (more: object) => () =>
  locks.acquire({ session, requestId: 1n, targets: [{ key: "k", mode: 1 }], ...more });
const target = (more: object) => acquire({ targets: [{ key: "k", mode: 1, ...more }] });
const filter = (more: MessageInitShape<typeof EventFilterSchema>) => () =>
  locks.listEvents({ namespace, filter: more });
const watch = (more: object) => async () => {
  for await (const _ of locks.watch({ namespace, ...more })) return;
};
const release = (more: object) => () =>
  locks.release({ session, requestId: 1n, holdId: 1n, token: 1n, ...more });
const cancel = (more: object) => () =>
  locks.cancelAcquire({ session, requestId: 1n, acquireRequestId: 1n, ...more });
const force = (more: object) => () =>
  admin.forceRelease({ namespace, key: "k", expectedToken: 1n, reason: "why", ...more });

const sessionRows: Row[] = [
  ["namespace", "empty", open({ namespace: "" })],
  ["namespace", "too long", open({ namespace: long })],
  ["secret", "empty", open({ secret: new Uint8Array() })],
  ["secret", "too short", open({ secret: new Uint8Array(31) })],
  ["secret", "too long", open({ secret: new Uint8Array(33) })],
  ["ttl_ms", "too short", open({ ttlMs: 1_999n })],
  ["ttl_ms", "too long", open({ ttlMs: 3_600_001n })],
  ["ttl_ms", "negative", open({ ttlMs: -1n })],
  ["display_name", "too long", open({ displayName: long })],
  ["display_name", "a control character", open({ displayName: "a\nb" })],
  ["metadata", "too many entries", open({ metadata: entries(17) })],
  ["metadata.key", "an empty key", open({ metadata: { "": "a" } })],
  ["metadata.key", "a long key", open({ metadata: { ["x".repeat(129)]: "a" } })],
  ["metadata.value", "a long value", open({ metadata: { a: long } })],
  ["metadata.value", "a control character", open({ metadata: { a: "\u0000" } })],
  ["correlation_id", "too long", open({ correlationId: "x".repeat(129) })],
  ["session", "absent", () => sessions.keepAlive({})],
  ["session.namespace", "empty", () => sessions.keepAlive({ session: { sessionId: 1n } })],
  ["session.session_id", "0", () => sessions.keepAlive({ session: { ...session, sessionId: 0n } })],
  ["session.secret", "short", () => sessions.keepAlive({ session: { namespace, sessionId: 1n } })],
  ["seq", "above 2^63", () => sessions.keepAlive({ session, seq: above })],
  ["seen_revision", "above 2^63", () => sessions.keepAlive({ session, seenRevision: above })],
  ["answered", "too many ranges", () => sessions.keepAlive({ session, answered: manyRanges })],
  ["answered[0].first", "0", () => sessions.getSession({ session, answered: [range(0n, 1n)] })],
  ["answered[0].last", "below", () => sessions.getSession({ session, answered: [range(2n, 1n)] })],
  ["answered[0].last", "big", () => sessions.getSession({ session, answered: [range(1n, above)] })],
  ["request_id", "0", () => sessions.closeSession({ session })],
  ["correlation_id", "long", () => closeWith({ correlationId: "x".repeat(129) })],
  ["namespace", "empty", () => sessions.listSessions({})],
  ["page_size", "negative", () => sessions.listSessions({ namespace, pageSize: -1 })],
  ["page_size", "too large", () => sessions.listSessions({ namespace, pageSize: 1_001 })],
  ["page_token", "too long", () => sessions.listSessions({ namespace, pageToken: long + long })],
];

const lockRows: Row[] = [
  ["session", "absent", acquire({ session: undefined })],
  ["request_id", "0", acquire({ requestId: 0n })],
  ["request_id", "above 2^63", acquire({ requestId: above })],
  ["answered", "too many ranges", acquire({ answered: manyRanges })],
  ["targets", "none", acquire({ targets: [] })],
  ["targets", "two", acquire({ targets: [{ key: "a" }, { key: "b" }] })],
  ["targets[0].key", "empty", target({ key: "" })],
  ["targets[0].key", "too long", target({ key: "é".repeat(257) })],
  ["targets[0].key", "a control character", target({ key: "a\u007fb" })],
  ["targets[0].mode", "absent", target({ mode: LockMode.UNSPECIFIED })],
  ["targets[0].mode", "unknown", target({ mode: 99 as LockMode })],
  ["owner", "too long", acquire({ owner: long })],
  ["owner", "a control character", acquire({ owner: "\t" })],
  ["wait_ms", "negative", acquire({ waitMs: -1n })],
  ["poll_timeout_ms", "negative", acquire({ pollTimeoutMs: -1n })],
  ["poll_timeout_ms", "too long", acquire({ pollTimeoutMs: 60_001n })],
  ["correlation_id", "too long", acquire({ correlationId: "x".repeat(129) })],
  ["correlation_id", "a control character", acquire({ correlationId: "\u0085" })],
  ["request_id", "0", release({ requestId: 0n })],
  ["answered", "too many ranges", release({ answered: manyRanges })],
  ["hold_id", "0", release({ holdId: 0n })],
  ["token", "0", release({ token: 0n })],
  ["correlation_id", "too long", release({ correlationId: "x".repeat(129) })],
  ["request_id", "0", cancel({ requestId: 0n })],
  ["answered", "too many ranges", cancel({ answered: manyRanges })],
  ["acquire_request_id", "0", cancel({ acquireRequestId: 0n })],
  ["correlation_id", "too long", cancel({ correlationId: "x".repeat(129) })],
  ["namespace", "empty", () => locks.checkFence({ key: "k", token: 1n })],
  ["key", "empty", () => locks.checkFence({ namespace, token: 1n })],
  ["token", "0", () => locks.checkFence({ namespace, key: "k" })],
  ["namespace", "empty", () => locks.getLock({ key: "k" })],
  ["key", "too long", () => locks.getLock({ namespace, key: long })],
  ["namespace", "empty", () => locks.listLocks({})],
  ["key_prefix", "too long", () => locks.listLocks({ namespace, keyPrefix: long })],
  ["page_size", "too large", () => locks.listLocks({ namespace, pageSize: 1_001 })],
  ["page_token", "too long", () => locks.listLocks({ namespace, pageToken: long + long })],
  ["namespace", "empty", watch({ namespace: "" })],
  ["after_revision", "above 2^63", watch({ afterRevision: above })],
  ["filter.key_prefix", "too long", watch({ filter: { keyPrefix: long } })],
  ["namespace", "empty", () => locks.listEvents({})],
  ["filter.keys", "too many", filter({ keys: Array.from({ length: 129 }, (_, i) => `${i}`) })],
  ["filter.keys[1]", "empty", filter({ keys: ["a", ""] })],
  ["filter.key_prefix", "beside keys", filter({ keys: ["a"], keyPrefix: "b" })],
  ["after_revision", "above", () => locks.listEvents({ namespace, afterRevision: above })],
  ["page_size", "too large", () => locks.listEvents({ namespace, pageSize: 1_001 })],
  ["namespace", "empty", force({ namespace: "" })],
  ["key", "empty", force({ key: "" })],
  ["expected_token", "0", force({ expectedToken: 0n })],
  ["reason", "empty", force({ reason: "" })],
  ["reason", "too long", force({ reason: long })],
  ["correlation_id", "too long", force({ correlationId: "x".repeat(129) })],
];

describe.each([
  ["SessionService", sessionRows],
  ["LockService and AdminService", lockRows],
])("%s refuses", (_, rows) => {
  test.each(rows)("%s: %s [GEN-43, GEN-1, GEN-30, GEN-32, GEN-40, GEN-44, SES-7]", async (field, _value, call) => {
    const error = await refusalOf(call);
    expect(Code[error.code]).toBe("InvalidArgument");
    const detail = errorDetailOf(error);
    expect(detail?.reason).toBe(ErrorReason.INVALID_FIELD);
    expect(detail?.metadata.field).toBe(field);
    expect(detail?.metadata.rule).toBeTruthy();
    expect(running.submitted).toEqual([]);
  });
});

describe("an unknown namespace is refused with NOT_PERMITTED", () => {
  const rows: [string, () => Promise<unknown>][] = [
    ["OpenSession", open({ namespace: "other" })],
    ["KeepAlive", () => sessions.keepAlive({ session: { ...session, namespace: "other" } })],
    ["GetLock", () => locks.getLock({ namespace: "other", key: "k" })],
    ["ListEvents", () => locks.listEvents({ namespace: "other" })],
    ["Watch", watch({ namespace: "other" })],
    ["ForceRelease", force({ namespace: "other" })],
  ];
  test.each(rows)("by %s [GEN-4, GEN-3]", async (_, call) => {
    const error = await refusalOf(call);
    expect(error.code).toBe(Code.PermissionDenied);
    expect(errorDetailOf(error)?.reason).toBe(ErrorReason.NOT_PERMITTED);
    expect(running.submitted).toEqual([]);
  });
});

test("a wrong secret and an unknown session are refused by the namespace [SES-6, SES-22]", async () => {
  const opened = await openSession(transportTo(running.server.url), 7);
  const wrong = await locks
    .acquire({ ...acquireOf("k", 1n), session: { ...opened, secret: secretOf(8) } })
    .catch((thrown) => thrown);
  expect(errorDetailOf(wrong)?.reason).toBe(ErrorReason.SECRET_MISMATCH);
  const unknown = await sessions
    .keepAlive({ session: { ...opened, sessionId: 999n } })
    .catch((thrown) => thrown);
  expect(errorDetailOf(unknown)?.reason).toBe(ErrorReason.SESSION_UNKNOWN);
  expect((await sessions.getSession({ session: opened })).holds).toEqual([]);
});

async function refusalOf(call: () => Promise<unknown>): Promise<ConnectError> {
  const error = await call().catch((thrown) => thrown);
  if (!(error instanceof ConnectError)) throw new Error("the call was not refused");
  return error;
}

function range(first: bigint, last: bigint) {
  return { first, last };
}

function entries(count: number): Record<string, string> {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`key-${index}`, "a"]));
}

function closeWith(more: object) {
  return sessions.closeSession({ session, requestId: 1n, ...more });
}
