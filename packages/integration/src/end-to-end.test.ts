import { LockstepError } from "@lockstep/client";
import { FenceStatus, KeyState, SessionState } from "@lockstep/protocol";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { eventually } from "./eventually.ts";
import { ServerProcess } from "./processes/server-process.ts";
import { type WayToServer, waysToServer } from "./ways.ts";
import { clientForTest } from "./world.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server.remove());

describe.each(waysToServer)("over $name", (way: WayToServer) => {
  const key = (name: string) => `${way.name}/${name}`;
  const newClient = (called: (method: string) => void = () => {}) => {
    const client = way.client(server.url, called);
    onTestFinished(() => client.close());
    return client;
  };

  test("a lock is granted, fenced and given back [LOCK-130, LOCK-135]", async () => {
    const calls = new Set<string>();
    const client = newClient((method) => calls.add(method));
    const lock = await client.acquire(key("alone"));
    expect(lock.sequencer).toBe(`${key("alone")}/EXCLUSIVE/${lock.token}`);
    lock.assertHeld();
    expect((await client.checkFence(lock.key, lock.token)).status).toBe(FenceStatus.CURRENT);
    await lock.release();
    expect((await client.checkFence(lock.key, lock.token)).status).toBe(FenceStatus.STALE);
    expect(lock.state).toBe("RELEASED");
    expect(calls).toContain(way.acquiresBy);
    expect(calls.has("Acquire")).toBe(way.acquiresBy === "Acquire");
  });

  test("a second client waits and is granted with a higher token when the first releases", async () => {
    const [first, second] = [newClient(), newClient()];
    const held = await first.acquire(key("two"));
    const waiting = second.acquire(key("two"));
    await eventually("for the second to wait", () => isQueued(key("two"), 1));
    await held.release();
    const next = await waiting;
    expect(next.token).toBeGreaterThan(held.token);
    await next.release();
  });

  test("whoever does not want to wait is told that the lock is taken", async () => {
    const [first, second] = [newClient(), newClient()];
    const held = await first.acquire(key("try"));
    expect(await second.tryAcquire(key("try"))).toBeNull();
    await expect(second.acquire(key("try"), { waitMs: 0 })).rejects.toMatchObject({
      reason: "CONTENDED",
      blockers: [{ holdId: held.holdId }],
    });
    await expect(second.acquire(key("try"), { waitMs: 50 })).rejects.toMatchObject({
      name: "NotGrantedError",
      reason: "WAIT_TIMED_OUT",
    });
    await held.release();
    const taken = await second.tryAcquire(key("try"));
    expect(taken?.token).toBeGreaterThan(held.token);
    await taken?.release();
  });

  test("work under a lock keeps others out and gives the lock back", async () => {
    const clients = [newClient(), newClient(), newClient()];
    let inside = 0;
    const tokens: bigint[] = [];
    const work = clients.flatMap((client) =>
      Array.from({ length: 5 }, () =>
        client.withLock(key("work"), async (lock) => {
          inside += 1;
          expect(inside).toBe(1);
          tokens.push(lock.token);
          await client.checkFence(lock.key, lock.token);
          inside -= 1;
        }),
      ),
    );
    await Promise.all(work);
    expect(tokens).toHaveLength(15);
    expect(tokens).toEqual([...tokens].sort((a, b) => (a < b ? -1 : 1)));
    expect((await lockOf(key("work")))?.state).toBe(KeyState.FREE);
  });

  test("an acquire that is taken back leaves no waiter behind [LOCK-149]", async () => {
    const [first, second] = [newClient(), newClient()];
    const held = await first.acquire(key("cancel"));
    const stop = new AbortController();
    const waiting = second.acquire(key("cancel"), { signal: stop.signal });
    await eventually("for the second to wait", () => isQueued(key("cancel"), 1));
    stop.abort(new Error("not needed any more"));
    await expect(waiting).rejects.toThrow("not needed any more");
    await eventually("for the waiter to go", () => isQueued(key("cancel"), 0));
    await held.release();
    expect((await lockOf(key("cancel")))?.state).toBe(KeyState.FREE);
  });

  test("closing a client releases its locks and ends its waits [SES-26]", async () => {
    const [first, second] = [newClient(), newClient()];
    const held = await first.acquire(key("close"));
    const waiting = second.acquire(key("close"));
    const alsoWaiting = newClient().acquire(key("close"));
    await eventually("for both to wait", () => isQueued(key("close"), 2));
    const closed = expect(waiting).rejects.toMatchObject({ name: "ClientClosedError" });
    await second.close();
    await closed;
    await first.close();
    expect(() => held.assertHeld()).toThrow(LockstepError);
    expect(held.signal.aborted).toBe(true);
    expect((await alsoWaiting).token).toBeGreaterThan(held.token);
    const { sessions } = await reader().listSessions({ includeEnded: true, pageSize: 1_000 });
    expect(sessions.filter(({ state }) => state === SessionState.EXPIRED)).toEqual([]);
  });

  test("a watch tells what happens to its keys, and resumes where another left off [LOCK-155, LOCK-160, LOCK-159]", async () => {
    const client = newClient();
    const from = (await client.serverInfo()).namespace?.revision ?? 0n;
    const watched = client.watch({ prefix: key("watch/"), afterRevision: from });
    await (await client.acquire(key("other"))).release();
    await (await client.acquire(key("watch/a"))).release();
    await (await client.acquire(key("watch/b"))).release();
    const seen: [string, bigint][] = [];
    for await (const { body, revision } of watched) {
      seen.push([String(body.case), revision]);
      if (seen.length === 3) break;
    }
    const resumed = client.watch({ prefix: key("watch/"), afterRevision: seen.at(-1)?.[1] ?? 0n });
    const { value } = await resumed.next();
    await resumed.return();
    seen.push([String(value?.body.case), value?.revision ?? 0n]);
    const { events } = await client.listEvents({ prefix: key("watch/") });
    expect(seen).toEqual(events.map(({ body, revision }) => [String(body.case), revision]));
    expect(seen.map(([name]) => name)).toEqual([
      "lockGranted",
      "lockReleased",
      "lockGranted",
      "lockReleased",
    ]);
  });
});

function reader() {
  return clientForTest(server);
}

async function lockOf(key: string) {
  const { lock } = await reader().getLock(key);
  return lock;
}

async function isQueued(key: string, waiters: number): Promise<boolean> {
  return (await lockOf(key))?.queueLength === waiters;
}
