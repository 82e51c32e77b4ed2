import { type Client, Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  AdminService,
  DEFAULT_LIMITS,
  DeniedReason,
  ErrorReason,
  errorDetailOf,
  KeyState,
  LockMode,
  LockOrdering,
  LossReason,
  OnLossAction,
  SessionState,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTestServer, type TestServer, transportTo } from "../testing-support/test-server.ts";
import { targetsOf, User } from "../testing-support/user.ts";

let running: TestServer;
let admin: Client<typeof AdminService>;
let one: User;
let two: User;
beforeEach(async () => {
  running = await startTestServer();
  const transport = transportTo(running.server.url);
  admin = createClient(AdminService, transport);
  one = await User.open(transport, 1);
  two = await User.open(transport, 2);
});
afterEach(() => running.close());

const namespace = "default";
const reason = "because";
const waiting = { waitMs: 60_000n, pollTimeoutMs: 30_000n };
const permitsOf = (permits: number) => ({ key: "pool", mode: LockMode.PERMITS, permits });

const waiters = (count: bigint) =>
  expect.poll(() => running.namespace.info().counters?.waiters).toBe(count);
const lockOf = async (key: string) => (await one.locks.getLock({ namespace, key })).lock;
const deniedAs = (why: DeniedReason) => ({ outcome: { case: "denied", value: { reason: why } } });

async function refusalOf(call: Promise<unknown>) {
  const error = await call.then(
    () => undefined,
    (thrown) => thrown,
  );
  if (!(error instanceof ConnectError)) throw new Error("the call was not refused");
  const { reason: why, metadata } = errorDetailOf(error) ?? {};
  return { code: Code[error.code], reason: ErrorReason[why ?? 0], metadata: { ...metadata } };
}

describe("ForceRelease", () => {
  test("delays the keys for the old holder, and frees them at once when told so [LOCK-121, LOCK-170, LOCK-171]", async () => {
    const { token } = await one.take(targetsOf(["a", "b"]));
    const force = (more: object) =>
      admin.forceRelease({ namespace, key: "a", expectedToken: token, reason, ...more });
    expect(await refusalOf(force({ expectedToken: 999n }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "TOKEN_MISMATCH",
      metadata: { token: String(token) },
    });
    expect((await force({})).delayRemainingMs).toBeGreaterThan(0n);
    expect((await lockOf("b"))?.state).toBe(KeyState.DELAYED);
    expect((await force({ immediate: true })).delayRemainingMs).toBe(0n);
    expect((await lockOf("b"))?.state).toBe(KeyState.FREE);
  });
});

describe("RevokeSession", () => {
  test("ends the session and loses what it holds; a repeat is answered as done [LOCK-173, LOCK-172]", async () => {
    await one.take("k");
    const revoke = (sessionId: bigint) => admin.revokeSession({ namespace, sessionId, reason });
    expect(await revoke(one.id)).toMatchObject({ session: { state: SessionState.REVOKED } });
    expect(await lockOf("k")).toMatchObject({
      state: KeyState.DELAYED,
      delays: [{ reason: LossReason.SESSION_REVOKED }],
    });
    expect(await revoke(one.id)).toMatchObject({ session: { state: SessionState.REVOKED } });
    expect(await refusalOf(revoke(999n))).toMatchObject({
      code: "NotFound",
      reason: "NO_SUCH_SESSION",
    });
    const { events } = await one.locks.listEvents({ namespace, filter: { sessionId: one.id } });
    expect(events.slice(-2).map((event) => [event.body.case, event.reason])).toEqual([
      ["sessionEnded", reason],
      ["lockLost", reason],
    ]);
  });
});

describe("quarantine", () => {
  test("of a key denies newcomers and waiters until it is cleared [LOCK-122, LOCK-123, LOCK-124, LOCK-174, LOCK-175]", async () => {
    const onLoss = { action: OnLossAction.QUARANTINE };
    const { token } = await one.take("k", { onLoss });
    const asked = two.acquire("k", waiting);
    await waiters(1n);
    await admin.forceRelease({ namespace, key: "k", expectedToken: token, reason });
    expect(await asked).toMatchObject(deniedAs(DeniedReason.KEY_QUARANTINED));
    const { keys } = await admin.listQuarantines({ namespace });
    expect(keys).toMatchObject([{ key: "k", state: KeyState.QUARANTINED, quarantine: { token } }]);
    const expectedRevision = keys[0]?.quarantine?.revision ?? 0n;
    const clear = (revision: bigint) =>
      admin.clearQuarantine({
        ...{ namespace, reason, expectedRevision: revision },
        subject: { case: "key", value: "k" },
      });
    expect(await refusalOf(clear(expectedRevision + 1_000n))).toMatchObject({
      code: "Aborted",
      reason: "VERSION_MISMATCH",
    });
    await clear(expectedRevision);
    await clear(expectedRevision);
    expect((await admin.listQuarantines({ namespace })).keys).toEqual([]);
  });

  test("of a principal denies it every lock and takes none [LOCK-190, LOCK-191]", async () => {
    const hold = await one.take("k");
    const asked = two.acquire("k", waiting);
    await waiters(1n);
    const principal = "127.0.0.1";
    const { quarantine } = await admin.quarantineIdentity({ namespace, principal, reason });
    expect(quarantine).toMatchObject({ principal, reason, automatic: false, actor: principal });
    expect(await asked).toMatchObject(deniedAs(DeniedReason.IDENTITY_QUARANTINED));
    expect(await two.acquire("free")).toMatchObject(deniedAs(DeniedReason.IDENTITY_QUARANTINED));
    expect((await lockOf("k"))?.holders).toMatchObject([{ token: hold.token }]);
    const { identities } = await admin.listQuarantines({ namespace });
    expect(identities).toEqual([quarantine]);
    await admin.clearQuarantine({
      ...{ namespace, reason, expectedRevision: quarantine?.revision ?? 0n },
      subject: { case: "principal", value: principal },
    });
    expect((await two.acquire("free")).outcome.case).toBe("granted");
  });

  test("of a principal by itself only when the namespace says so [LOCK-192, LOCK-193]", async () => {
    const settings = { quarantineAfterLosses: 1, quarantineWindowMs: 60_000n };
    await admin.updateNamespace({ namespace, settings, reason });
    for (const { id } of [one, two])
      await admin.revokeSession({ namespace, sessionId: id, reason });
    expect((await admin.listQuarantines({ namespace })).identities).toMatchObject([
      { principal: "127.0.0.1", automatic: true, actor: "" },
    ]);
  });
});

describe("policies", () => {
  test("bound what is granted, by the longest prefix [LOCK-14, LOCK-15, LOCK-180, LOCK-183]", async () => {
    const set = (keyPrefix: string, permits: number, expectedVersion: bigint) =>
      admin.setPolicy({ namespace, keyPrefix, policy: { permits }, expectedVersion, reason });
    expect(await set("p", 2, 0n)).toMatchObject({ version: 1n });
    await one.take([permitsOf(2)]);
    const asked = two.acquire([permitsOf(1)], waiting);
    await waiters(1n);
    expect(await two.acquire([permitsOf(3)])).toMatchObject(deniedAs(DeniedReason.LIMIT_MISMATCH));
    expect(await two.acquire("pool")).toMatchObject(deniedAs(DeniedReason.LIMIT_MISMATCH));
    await set("pool", 3, 1n);
    expect((await asked).outcome.case).toBe("granted");
    const read = await admin.getPolicy({ namespace, key: "pool" });
    expect(read).toMatchObject({
      version: 2n,
      inForce: { keyPrefix: "pool", policy: { permits: 3 } },
      policies: [{ keyPrefix: "p" }, { keyPrefix: "pool" }],
    });
  });

  test("have one version; a repeat is answered as done, what is late refused [LOCK-181, GEN-73]", async () => {
    const set = (maxWaiters: number, expectedVersion: bigint) =>
      admin.setPolicy({
        namespace,
        keyPrefix: "",
        policy: { maxWaiters },
        expectedVersion,
        reason,
      });
    await set(1, 0n);
    expect(await set(1, 0n)).toMatchObject({ version: 1n });
    expect(await refusalOf(set(2, 0n))).toMatchObject({
      code: "Aborted",
      reason: "VERSION_MISMATCH",
      metadata: { version: "1" },
    });
    await admin.setPolicy({ namespace, keyPrefix: "", expectedVersion: 1n, reason });
    expect(await admin.getPolicy({ namespace })).toMatchObject({ version: 2n, policies: [] });
  });
});

test("the wait graph tells for each waiter whom it waits for [LOCK-176]", async () => {
  await one.take("k");
  await two.acquire("k", { waitMs: 60_000n, owner: "task" });
  const graph = await admin.getWaitGraph({ namespace });
  expect(graph).toMatchObject({
    truncated: false,
    waits: [
      {
        waiter: { key: "k", sessionId: two.id, owner: "task" },
        waitsFor: [{ key: "k", sessionId: one.id }],
      },
    ],
  });
  expect((await admin.getWaitGraph({ namespace, keyPrefix: "x" })).waits).toEqual([]);
});

describe("namespaces", () => {
  const ascending = { ordering: LockOrdering.ASCENDING };
  const make = (name: string, settings?: object) =>
    admin.createNamespace({ namespace: name, reason, ...(settings && { settings }) });

  test("are made once, by name and settings [GEN-3, GEN-6]", async () => {
    expect(await refusalOf(one.locks.getLock({ namespace: "new", key: "k" }))).toMatchObject({
      reason: "NOT_PERMITTED",
    });
    const made = await make("new", ascending);
    expect(made).toMatchObject({
      namespace: { namespace: "new", settings: ascending, version: 1n, epoch: 1n },
      header: { clusterId: "cluster", epoch: 1n },
    });
    expect(await make("new", ascending)).toMatchObject({ namespace: { version: 1n } });
    expect(await refusalOf(make("new"))).toMatchObject({
      code: "FailedPrecondition",
      reason: "NAMESPACE_EXISTS",
    });
    expect((await one.locks.getLock({ namespace: "new", key: "k" })).lock?.state).toBe(
      KeyState.FREE,
    );
  });

  test("have a history that begins with who made them and why [LOCK-172]", async () => {
    await make("plain");
    const { events } = await one.locks.listEvents({ namespace: "plain" });
    expect(events.map(({ body, actor, reason: why }) => [body.case, actor, why])).toEqual([
      ["epochStarted", "", ""],
      ["namespaceConfigured", "127.0.0.1", reason],
    ]);
  });

  test("are listed in the order of their names, page by page [GEN-2, GEN-8]", async () => {
    for (const name of ["b", "Z", "é"]) await make(name);
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await admin.listNamespaces({ pageSize: 2, pageToken });
      expect(page.header).toMatchObject({ clusterId: "cluster", epoch: 0n, revision: 0n });
      seen.push(...page.namespaces.map((each) => each.namespace));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(seen).toEqual(["Z", "b", "default", "é"]);
  });

  test("change their settings at the expected version only [GEN-7, GEN-73]", async () => {
    const update = (settings: object, expectedVersion: bigint) =>
      admin.updateNamespace({ namespace, settings, expectedVersion, reason });
    expect(await update(ascending, 0n)).toMatchObject({
      namespace: { namespace, settings: ascending, version: 1n, epoch: 1n },
    });
    expect(await update(ascending, 0n)).toMatchObject({ namespace: { version: 1n } });
    expect(await refusalOf(update({}, 0n))).toMatchObject({
      code: "Aborted",
      reason: "VERSION_MISMATCH",
      metadata: { version: "1" },
    });
    await one.take("b", { owner: "task" });
    expect(await one.acquire("a", { owner: "task" })).toMatchObject(
      deniedAs(DeniedReason.ORDER_VIOLATION),
    );
  });

  test("know nothing of one another [GEN-5]", async () => {
    await make("new");
    await one.take("k");
    const there = await one.locks.getLock({ namespace: "new", key: "k" });
    expect(there.lock?.state).toBe(KeyState.FREE);
    const { secret } = one.session;
    await one.sessions.openSession({ namespace: "new", secret });
    expect((await one.sessions.listSessions({ namespace: "new" })).sessions).toMatchObject([
      { holdCount: 0 },
    ]);
    expect((await one.sessions.listSessions({ namespace })).sessions).toMatchObject([
      { sessionId: one.id, holdCount: 1 },
      { sessionId: two.id },
    ]);
  });

  test("are at most max_namespaces [GEN-51]", async () => {
    await running.close();
    running = await startTestServer({ limits: { ...DEFAULT_LIMITS, max_namespaces: 2 } });
    admin = createClient(AdminService, transportTo(running.server.url));
    await make("new");
    expect(await refusalOf(make("more"))).toEqual({
      code: "ResourceExhausted",
      reason: "LIMIT_EXCEEDED",
      metadata: { limit: "max_namespaces", max: "2" },
    });
  });

  test("that were made but not configured are completed by a repeat", async () => {
    expect(await make("default", ascending)).toMatchObject({
      namespace: { settings: ascending, version: 1n },
    });
  });
});
