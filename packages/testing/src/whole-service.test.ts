import {
  type Leader,
  LockLostError,
  LockReleasedError,
  NotGrantedError,
  type ReleaseRequested,
  type RequestRef,
} from "@lockstep/client";
import { afterEach, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./index.ts";

let server: TestServer;
afterEach(() => server.close());

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s", (_, attach) => {
  async function two() {
    server = await startTestServer();
    return [server.client({ attach }), server.client({ attach })] as const;
  }

  test("readers share a key, a writer waits for them, and newcomers for the writer [LOCK-150]", async () => {
    const [first, second] = await two();
    const readers = [
      await first.acquire("doc", { mode: "SHARED" }),
      await second.acquire("doc", { mode: "SHARED" }),
    ];
    const writing = first.acquire("doc");
    await server.advance(0);
    expect(await second.tryAcquire("doc", { mode: "SHARED" })).toBeNull();
    for (const reader of readers) await reader.release();
    await server.advance(0);
    const writer = await writing;
    expect(writer.sequencer).toBe(`doc/EXCLUSIVE/${writer.token}`);
  });

  test("several keys are one lock, granted together", async () => {
    const [first, second] = await two();
    const b = await first.acquire("b");
    const both = second.acquire(["a", { key: "b", mode: "SHARED" }]);
    await server.advance(0);
    const a = await first.tryAcquire("a");
    expect(a).toBeNull();
    await b.release();
    await server.advance(0);
    const lock = await both;
    expect(lock.targets.map(({ key, mode }) => `${key} ${mode}`)).toEqual([
      "a EXCLUSIVE",
      "b SHARED",
    ]);
    expect(lock.sequencerOf("b")).toBe(`b/SHARED/${lock.token}`);
  });

  test("an upgrade waits for the readers, brings a new token, and goes down again", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("doc", { mode: "UPGRADABLE" });
    const reader = await second.acquire("doc", { mode: "SHARED" });
    const before = lock.token;
    const converting = lock.convert("EXCLUSIVE");
    await server.advance(0);
    expect(lock.mode).toBe("UPGRADABLE");
    await reader.release();
    await server.advance(0);
    await converting;
    expect(lock.token).toBeGreaterThan(before);
    lock.assertHeld({ mode: "EXCLUSIVE" });
    const { token } = lock;
    await lock.convert("SHARED");
    expect([lock.mode, lock.token]).toEqual(["SHARED", token]);
    expect((await second.acquire("doc", { mode: "SHARED" })).state).toBe("HELD");
    const refused = lock.convert("EXCLUSIVE");
    await expect(refused).rejects.toMatchObject({ reason: "UPGRADE_REFUSED" });
    lock.assertHeld();
  });

  test("an upgrade that is taken back leaves the lock as it was", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("doc", { mode: "UPGRADABLE" });
    await second.acquire("doc", { mode: "SHARED" });
    const abort = new AbortController();
    const converting = lock.convert("EXCLUSIVE", { signal: abort.signal });
    const outcome = converting.catch((error: unknown) => error);
    await server.advance(0);
    abort.abort(new Error("enough"));
    await server.advance(0);
    expect(await outcome).toEqual(new Error("enough"));
    expect((await first.admin.waitGraph()).waits).toEqual([]);
    lock.assertHeld({ mode: "UPGRADABLE" });
    await expect(lock.convert("EXCLUSIVE", { waitMs: 0 })).rejects.toMatchObject({
      reason: "CONTENDED",
    });
  });

  test("a lock is handed over to the one who is named", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("job");
    const earlier = first.acquire("job");
    let waiter: RequestRef | undefined;
    const waiting = second.acquire("job", {
      onRequest: (request) => {
        waiter = request;
      },
    });
    await server.advance(0);
    if (!waiter) throw new Error("nobody waits");
    const nobody = lock.transfer({ ...waiter, requestId: 99n });
    await expect(nobody).rejects.toBeInstanceOf(NotGrantedError);
    await expect(nobody).rejects.toMatchObject({ reason: "NO_SUCH_WAITER" });
    lock.assertHeld();
    await lock.transfer(waiter);
    await server.advance(0);
    expect(lock.state).toBe("TRANSFERRED");
    expect((await waiting).token).toBeGreaterThan(lock.token);
    expect(() => lock.assertHeld()).toThrow(LockReleasedError);
    await (await waiting).release();
    await server.advance(0);
    expect((await earlier).state).toBe("HELD");
  });

  test("a lock entered again by its owner is held until all handles were released", async () => {
    const [first, second] = await two();
    const counted = { owner: "task", reentrancy: "count" } as const;
    const outer = await first.acquire("doc", counted);
    const inner = await first.acquire("doc", counted);
    expect(inner.token).toBe(outer.token);
    await inner.release();
    expect(await second.tryAcquire("doc")).toBeNull();
    await outer.release();
    expect(await second.tryAcquire("doc")).not.toBeNull();
  });

  test("a lock is lost when it was held for as long as it may be", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("doc", { maxHoldMs: 5_000 });
    const next = second.acquire("doc");
    await server.advance(4_999);
    lock.assertHeld();
    await server.advance(10_001);
    expect(await lock.lost).toEqual({ reason: "MAX_HOLD", token: lock.token });
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect((await next).state).toBe("HELD");
  });

  test("what is published is seen by others, and changes", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("doc", { value: "here", metadata: { team: "x" } });
    await lock.setValue("there");
    const holder = (await second.getLock("doc")).lock?.holders[0];
    expect(new TextDecoder().decode(holder?.value)).toBe("there");
    expect(holder?.metadata).toEqual({ team: "x" });
  });

  test("a holder hears that it is asked to release [LOCK-100]", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("doc");
    const heard: ReleaseRequested[] = [];
    lock.onReleaseRequested((asked) => {
      heard.push(asked);
      void lock.release();
    });
    const next = second.acquire("doc");
    await second.requestRelease({ key: "doc", reason: "a deployment" });
    await server.advance(6_000);
    expect(heard).toMatchObject([{ reason: "a deployment" }]);
    expect((await next).state).toBe("HELD");
  });

  test("whoever waits in a circle is told, with the circle", async () => {
    const [first, second] = await two();
    const a = await first.acquire("a", { owner: "one" });
    const b = await second.acquire("b", { owner: "two" });
    const one = first.acquire("b", { owner: "one", deadlockPriority: 1 });
    await server.advance(0);
    const circle = second.acquire("a", { owner: "two" }).catch((error: unknown) => error);
    await server.advance(0);
    const error = (await circle) as NotGrantedError;
    expect(error).toMatchObject({ key: "a", reason: "DEADLOCK_VICTIM" });
    expect(error.cycle.map(({ owner }) => owner).sort()).toEqual(["one", "two"]);
    await b.release();
    await server.advance(0);
    expect((await one).state).toBe("HELD");
    a.assertHeld();
  });

  test("a lost lock that asked for it stays blocked, until an operator clears it", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("doc", { onLoss: "quarantine" });
    const { token } = lock;
    await second.forceRelease({ key: "doc", expectedToken: token, reason: "stuck" });
    await expect(second.acquire("doc")).rejects.toMatchObject({ reason: "KEY_QUARANTINED" });
    const [key] = (await second.admin.listQuarantines()).keys;
    const expectedRevision = key?.quarantine?.revision ?? 0n;
    await second.admin.clearQuarantine({ key: "doc", expectedRevision, reason: "looked at it" });
    await server.advance(15_000);
    expect(lock.state).toBe("LOST");
    expect(await second.tryAcquire("doc")).not.toBeNull();
  });

  test("a lost lock that asked for a delay stays blocked until the application says that it stopped", async () => {
    const [first, second] = await two();
    const lock = await first.acquire("doc", { onLoss: { delayMs: 600_000 }, maxHoldMs: 1_000 });
    await server.advance(60_000);
    expect(lock.state).toBe("LOST");
    const denied = second.acquire("doc", { waitMs: 0 });
    await expect(denied).rejects.toMatchObject({ reason: "LOCK_DELAY" });
    await lock.release();
    await server.advance(0);
    expect(await second.tryAcquire("doc")).not.toBeNull();
  });

  test("permits are shared out as the policy of the key says", async () => {
    const [first, second] = await two();
    const { version } = await first.admin.getPolicy();
    const policy = { permits: 3 };
    await first.admin.setPolicy({ prefix: "pool/", policy, expectedVersion: version, reason: "r" });
    const most = await first.acquire("pool/x", { permits: 2 });
    expect(await second.tryAcquire("pool/x", { permits: 2 })).toBeNull();
    expect((await second.acquire("pool/x", { permits: 1 })).sequencer).toMatch(/\/PERMITS\//);
    await expect(second.acquire("pool/x", { permits: 4 })).rejects.toMatchObject({
      reason: "LIMIT_MISMATCH",
    });
    await expect(second.acquire("pool/x")).rejects.toMatchObject({ reason: "LIMIT_MISMATCH" });
    expect(most.targets).toEqual([{ key: "pool/x", mode: "PERMITS", permits: 2 }]);
  });

  test("who leads is seen by everybody, over a restart too", async () => {
    const [first, second] = await two();
    const leaders: (string | null)[] = [];
    void (async () => {
      for await (const leader of second.observeLeader("leader")) leaders.push(textOf(leader));
    })();
    await server.advance(0);
    const term = await first.campaign("leader", { value: "10.0.0.1" });
    await term.proclaim("10.0.0.2");
    await server.stop();
    await server.start();
    await server.advance(5_000);
    await term.resign();
    await server.advance(5_000);
    expect(leaders).toEqual([null, "10.0.0.1", "10.0.0.2", null]);
  });
});

function textOf(leader: Leader | null): string | null {
  return leader?.text ?? null;
}

test("operators make a namespace, revoke a session, and read what happened by who it was about", async () => {
  server = await startTestServer();
  const operator = server.client();
  await operator.admin.createNamespace({ namespace: "jobs", reason: "a new team" });
  const worker = server.client({ namespace: "jobs" });
  const lock = await worker.acquire("nightly");
  const boss = server.client({ namespace: "jobs" });
  const [session] = (await boss.listSessions()).sessions;
  const sessionId = session?.sessionId ?? 0n;
  await boss.admin.revokeSession({ sessionId, reason: "runs wild" });
  await server.advance(6_000);
  expect(await lock.lost).toMatchObject({ reason: "SESSION_REVOKED" });
  const { events } = await boss.listEvents({ sessionId });
  expect(events.map(({ body }) => body.case)).toEqual(
    expect.arrayContaining(["sessionOpened", "lockGranted", "sessionEnded", "lockLost"]),
  );
  const { namespaces } = await operator.admin.listNamespaces();
  expect(namespaces.map(({ namespace }) => namespace)).toEqual(["default", "jobs"]);
});
