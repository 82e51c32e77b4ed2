import { create, type DescMessage, type DescMethod } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { Refusal } from "@lockstep/core";
import {
  AdminService,
  AttachCallSchema,
  DEFAULT_LIMITS,
  ErrorReason,
  errorDetailOf,
  LockService,
  ReplicationService,
  SessionService,
} from "@lockstep/protocol";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { adminInputs } from "../../testing-support/bad-input/admin.ts";
import { datasetInputs } from "../../testing-support/bad-input/datasets.ts";
import { holdInputs } from "../../testing-support/bad-input/holds.ts";
import { lockInputs } from "../../testing-support/bad-input/locks.ts";
import { replicaInputs } from "../../testing-support/bad-input/replicas.ts";
import { sessionInputs } from "../../testing-support/bad-input/sessions.ts";
import {
  acquireOf,
  openSession,
  secretOf,
  startTestServer,
  type TestServer,
  transportTo,
} from "../../testing-support/test-server.ts";
import { attachedOp } from "../attach/attached-op.ts";

let running: TestServer;
beforeAll(async () => {
  running = await startTestServer();
});
afterAll(() => running.close());

const all = [
  ...sessionInputs,
  ...lockInputs,
  ...holdInputs,
  ...adminInputs,
  ...datasetInputs,
  ...replicaInputs,
];
const titled = all.map((input) => ({ ...input, rpc: input.method.name }));

describe("a bad value is refused by the name of its field and the rule, and changes nothing", () => {
  test.each(titled)(
    "$rpc: $field $what [GEN-1, GEN-30, GEN-32, GEN-40, GEN-43, GEN-44, SES-7, LOCK-6, LOCK-17, LOCK-96, LOCK-172, DATA-1, DATA-14, DATA-25, DATA-46, REP-45]",
    async ({ method, field, request }) => {
      const error = await refusalOf(method, request);
      expect(Code[error.code]).toBe("InvalidArgument");
      const detail = errorDetailOf(error);
      expect(detail?.reason).toBe(ErrorReason.INVALID_FIELD);
      expect(detail?.metadata.field).toBe(field);
      expect(detail?.metadata.rule).toBeTruthy();
      expect(running.submitted).toEqual([]);
      expect(running.journal.state().tail).toBe(1n);
    },
  );
});

const attached = titled.filter(
  ({ method, field }) =>
    itemOf(method) !== undefined && field !== "namespace" && !field.startsWith("session"),
);

describe("as an item of an Attach it is refused alike", () => {
  const caller = { principal: "me", sessionId: 1n, secretSha256: undefined };

  test.each(attached)("$rpc: $field $what", ({ method, field, request }) => {
    const unnamed = { ...request, session: undefined, namespace: "" };
    const value = create(method.input, unnamed as never);
    const item = { case: itemOf(method), value } as never;
    const call = create(AttachCallSchema, { callId: 1n, request: item });
    let thrown: unknown;
    try {
      attachedOp(call, { namespace: "default", caller }, DEFAULT_LIMITS);
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Refusal);
    expect((thrown as Refusal).metadata.field).toBe(field);
  });

  test.each([["checkFence"], ["requestRelease"], ["append"], ["ack"]] as const)(
    "%s: namespace another [DATA-38]",
    (kind) => {
      const dataset = { dataset: "d", replica: "r", generation: 1n, subscriptionId: 1n, state: 1 };
      const changes = [{ op: 1, key: new Uint8Array(1) }];
      const value = { namespace: "other", key: "k", token: 1n, ...dataset, changes } as never;
      const call = create(AttachCallSchema, { request: { case: kind, value } });
      expect(() => attachedOp(call, { namespace: "default", caller }, DEFAULT_LIMITS)).toThrow(
        "namespace must be absent or that of the session",
      );
    },
  );

  test("a session beside that of the stream", () => {
    const value = { session: {}, requestId: 1n, holdId: 1n, token: 1n };
    const call = create(AttachCallSchema, { request: { case: "release", value } });
    expect(() => attachedOp(call, { namespace: "default", caller }, DEFAULT_LIMITS)).toThrow(
      "session must be absent on Attach",
    );
  });
});

describe("every field of every request has a bad value above, or none is bad", () => {
  const free = new Set([
    "deadlock_priority",
    "immediate",
    "leaving",
    "include_ended",
    "changes.schema_version",
    // Too many are refused by their limit.
    "ScrubDataset.buckets",
  ]);
  const services = [SessionService, LockService, AdminService, ReplicationService];
  const methods = services.flatMap((service) => service.methods);

  test.each(
    methods.filter(({ name }) => name !== "Attach").map((each) => [each.name, each] as const),
  )("%s", (_, method) => {
    const tried = new Set(
      all.filter((input) => input.method === method).map(({ field }) => placeless(field)),
    );
    const isFree = (leaf: string) => free.has(leaf) || free.has(`${method.name}.${leaf}`);
    const untried = leavesOf(method.input).filter((leaf) => !tried.has(leaf) && !isFree(leaf));
    expect(untried).toEqual([]);
  });
});

const { keepAlive, openSession: open } = SessionService.method;
const { getLock, listEvents, watch, requestRelease } = LockService.method;
const { forceRelease, updateNamespace, getWaitGraph } = AdminService.method;

test.each<[DescMethod, object]>([
  [open, { secret: secretOf(1) }],
  [keepAlive, { session: { namespace: "other", sessionId: 1n, secret: secretOf(1) } }],
  [getLock, { key: "k" }],
  [listEvents, {}],
  [watch, {}],
  [requestRelease, { key: "k" }],
  [forceRelease, { key: "k", expectedToken: 1n, reason: "why" }],
  [updateNamespace, { settings: {}, reason: "why" }],
  [getWaitGraph, {}],
  [ReplicationService.method.listDatasets, {}],
  [ReplicationService.method.subscribe, { dataset: "d" }],
])(
  "an unknown namespace is refused with NOT_PERMITTED by $name [GEN-3, GEN-4]",
  async (method, request) => {
    const error = await refusalOf(method, { namespace: "other", ...request });
    expect(error.code).toBe(Code.PermissionDenied);
    expect(errorDetailOf(error)?.reason).toBe(ErrorReason.NOT_PERMITTED);
    expect(running.submitted).toEqual([]);
  },
);

test("a wrong secret and an unknown session are refused by the namespace [SES-6, SES-22]", async () => {
  const transport = transportTo(running.server.url);
  const opened = await openSession(transport, 7);
  const wrong = await createClient(LockService, transport)
    .acquire({ ...acquireOf("k", 1n), session: { ...opened, secret: secretOf(8) } })
    .catch((thrown) => thrown);
  expect(errorDetailOf(wrong)?.reason).toBe(ErrorReason.SECRET_MISMATCH);
  const sessions = createClient(SessionService, transport);
  const unknown = await sessions
    .keepAlive({ session: { ...opened, sessionId: 999n } })
    .catch((thrown) => thrown);
  expect(errorDetailOf(unknown)?.reason).toBe(ErrorReason.SESSION_UNKNOWN);
  expect((await sessions.getSession({ session: opened })).holds).toEqual([]);
});

async function refusalOf(method: DescMethod, request: object): Promise<ConnectError> {
  const transport = transportTo(running.server.url, "connect-json");
  const client = createClient(method.parent, transport) as Record<
    string,
    (given: object) => unknown
  >;
  const error = await ended(client[method.localName]?.(request)).catch((thrown) => thrown);
  if (!(error instanceof ConnectError)) throw new Error("the call was not refused");
  return error;
}

/** Waits for the reply, or for the first message of a stream. */
async function ended(call: unknown): Promise<void> {
  if (typeof call !== "object" || call === null || !(Symbol.asyncIterator in call)) {
    await call;
    return;
  }
  for await (const _ of call as AsyncIterable<unknown>) return;
}

/** The name of the Attach item that carries the same request. */
function itemOf(method: DescMethod): string | undefined {
  return AttachCallSchema.fields.find(({ message }) => message === method.input)?.localName;
}

/** The names of a message's fields, those of messages within it below theirs. */
function leavesOf(message: DescMessage): string[] {
  return message.fields.flatMap((field) => {
    if (field.fieldKind === "map") return [`${field.name}.key`, `${field.name}.value`];
    if (field.message === undefined) return [field.name];
    return leavesOf(field.message).map((leaf) => `${field.name}.${leaf}`);
  });
}

function placeless(field: string): string {
  return field.replace(/\[\d+\]/g, "");
}
