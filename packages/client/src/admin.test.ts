import { Code, createRouterTransport } from "@connectrpc/connect";
import { AdminService, ErrorReason, LockService, refusal } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { type Client, createClient } from "./client.ts";
import { RequestError, ServerUnreachableError } from "./errors.ts";

const header = { clusterId: "cluster", epoch: 1n, revision: 7n };
const why = { reason: "stuck", correlationId: "ticket-1" };

/** A client whose server answers every call of an operator with its place alone, and what was asked. */
function operator(fail?: Error) {
  const asked: Record<string, unknown> = {};
  const transport = createRouterTransport(({ rpc }) => {
    const note = (name: string, request: object) => {
      if (fail) throw fail;
      const { $typeName, ...fields } = request as { $typeName: string };
      asked[name] = { policy: undefined, settings: undefined, ...fields };
      return { header };
    };
    for (const method of AdminService.methods) {
      rpc(method, ((request: object) => note(method.localName, request)) as never);
    }
    rpc(LockService.method.requestRelease, (request) => note("requestRelease", request));
    rpc(LockService.method.listEvents, (request) => note("listEvents", request));
  });
  return { asked, client: createClient({ transport, namespace: "jobs" }) };
}

test.each<[string, (client: Client) => Promise<unknown>, object]>([
  [
    "forceRelease",
    ({ admin }) => admin.forceRelease({ key: "a", expectedToken: 9n, immediate: true, ...why }),
    { key: "a", expectedToken: 9n, immediate: true, namespace: "jobs", ...why },
  ],
  [
    "forceRelease",
    (client) => client.forceRelease({ key: "a", expectedToken: 9n, reason: "stuck" }),
    { key: "a", expectedToken: 9n, immediate: false, reason: "stuck", correlationId: "" },
  ],
  [
    "revokeSession",
    ({ admin }) => admin.revokeSession({ sessionId: 4n, ...why }),
    { sessionId: 4n, namespace: "jobs", ...why },
  ],
  [
    "quarantineIdentity",
    ({ admin }) => admin.quarantineIdentity({ principal: "worker", ...why }),
    { principal: "worker", namespace: "jobs", ...why },
  ],
  [
    "clearQuarantine",
    ({ admin }) => admin.clearQuarantine({ key: "a", expectedRevision: 5n, ...why }),
    { subject: { case: "key", value: "a" }, expectedRevision: 5n, namespace: "jobs", ...why },
  ],
  [
    "clearQuarantine",
    ({ admin }) => admin.clearQuarantine({ principal: "worker", expectedRevision: 5n, ...why }),
    { subject: { case: "principal", value: "worker" }, expectedRevision: 5n },
  ],
  [
    "listQuarantines",
    ({ admin }) => admin.listQuarantines({ pageSize: 3, pageToken: "t" }),
    { namespace: "jobs", pageSize: 3, pageToken: "t" },
  ],
  ["getPolicy", ({ admin }) => admin.getPolicy({ key: "a" }), { namespace: "jobs", key: "a" }],
  ["getPolicy", ({ admin }) => admin.getPolicy(), { namespace: "jobs", key: "" }],
  [
    "setPolicy",
    ({ admin }) =>
      admin.setPolicy({ prefix: "p/", policy: { permits: 3 }, expectedVersion: 2n, ...why }),
    { keyPrefix: "p/", policy: { permits: 3, maxHoldMs: 0n }, expectedVersion: 2n, ...why },
  ],
  [
    "setPolicy",
    ({ admin }) => admin.setPolicy({ prefix: "p/", policy: null, expectedVersion: 3n, ...why }),
    { keyPrefix: "p/", policy: undefined, expectedVersion: 3n },
  ],
  [
    "getWaitGraph",
    ({ admin }) => admin.waitGraph({ prefix: "p/", waitsMax: 10 }),
    { namespace: "jobs", keyPrefix: "p/", waitsMax: 10 },
  ],
  ["listNamespaces", ({ admin }) => admin.listNamespaces({ pageSize: 2 }), { pageSize: 2 }],
  [
    "createNamespace",
    ({ admin }) =>
      admin.createNamespace({ namespace: "new", settings: { ordering: 2 }, reason: "new team" }),
    { namespace: "new", settings: { ordering: 2 }, reason: "new team" },
  ],
  [
    "createNamespace",
    ({ admin }) => admin.createNamespace({ namespace: "new", reason: "new team" }),
    { namespace: "new", settings: undefined },
  ],
  [
    "updateNamespace",
    ({ admin }) =>
      admin.updateNamespace({ namespace: "old", settings: {}, expectedVersion: 1n, ...why }),
    { namespace: "old", settings: { quarantineAfterLosses: 0 }, expectedVersion: 1n, ...why },
  ],
  [
    "requestRelease",
    (client) => client.requestRelease({ key: "a", token: 9n, ...why }),
    { namespace: "jobs", key: "a", token: 9n, ...why },
  ],
  [
    "requestRelease",
    (client) => client.requestRelease({ key: "a" }),
    { key: "a", token: 0n, reason: "" },
  ],
  [
    "listEvents",
    (client) =>
      client.listEvents({
        prefix: "p/",
        sessionId: 4n,
        actor: "worker",
        fromAtMs: 5,
        untilAtMs: 9,
      }),
    {
      filter: {
        keyPrefix: "p/",
        keys: [],
        sessionId: 4n,
        actor: "worker",
        fromAtMs: 5n,
        untilAtMs: 9n,
      },
    },
  ],
])("%s asks the server for what it is told", async (name, call, request) => {
  const { asked, client } = operator();
  await call(client);
  expect(asked[name]).toMatchObject(request);
  await client.close();
});

test("what another namespace answers does not count as news of this one", async () => {
  const { client } = operator();
  await client.admin.updateNamespace({
    namespace: "old",
    settings: {},
    expectedVersion: 1n,
    ...why,
  });
  header.clusterId = "another cluster";
  await expect(client.admin.getPolicy()).resolves.toBeDefined();
  header.clusterId = "cluster";
});

test("a refusal says why", async () => {
  const code = Code.Aborted;
  const facts = { version: "8" };
  const { client } = operator(refusal(code, ErrorReason.VERSION_MISMATCH, "it is at 8", facts));
  const setting = client.admin.setPolicy({ prefix: "", policy: null, expectedVersion: 3n, ...why });
  await expect(setting).rejects.toThrow(RequestError);
  await expect(setting).rejects.toMatchObject({ reason: "VERSION_MISMATCH", metadata: facts });
});

test("an operator without a server is told so", async () => {
  const { client } = operator(new Error("gone"));
  await expect(client.admin.listNamespaces()).rejects.toThrow(ServerUnreachableError);
});
