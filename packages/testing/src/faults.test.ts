import { ServerUnreachableError } from "@lockstep/client";
import { afterEach, describe, expect, test } from "vitest";
import { startTestServer, type TestServer } from "./index.ts";

const TTL_MS = 10_000;
const LEASE_MS = 9_890;

let server: TestServer;
afterEach(() => server.close());

describe.each([
  ["Attach", true],
  ["unary calls", false],
])("over %s", (_, attach) => {
  const options = { attach, ttlMs: TTL_MS };

  test("a server that is stopped and started keeps locks, queues and sessions", async () => {
    server = await startTestServer();
    const [first, second] = [server.client(options), server.client(options)];
    const lock = await first.acquire("orders");
    const waiting = second.acquire("orders");
    await server.advance(0);
    await server.stop();
    await server.advance(5_000);
    expect(lock.state).toBe("HELD");
    await server.start();
    await server.advance(60_000);
    expect(lock.state).toBe("HELD");
    await lock.release();
    await server.advance(5_000);
    const next = await waiting;
    expect(next.token).toBeGreaterThan(lock.token);
    expect((await first.serverInfo()).namespace?.epoch).toBe(2n);
  });

  test("a server that stays away costs the lock by the client's own deadline", async () => {
    server = await startTestServer();
    const client = server.client(options);
    const lock = await client.acquire("orders");
    await server.stop();
    await server.advance(LEASE_MS);
    expect(lock.state).toBe("LOST");
    expect(await lock.lost).toMatchObject({ reason: "DEADLINE_PASSED" });
    await expect(client.getLock("orders")).rejects.toThrow(ServerUnreachableError);
    await server.start();
    await server.advance(2 * TTL_MS);
    const again = client.acquire("orders");
    await server.advance(1_000);
    expect((await again).token).toBeGreaterThan(lock.token);
  });

  test("a client that stood still knows at once that its lock is gone, before any timer", async () => {
    server = await startTestServer();
    const [paused, other] = [server.client(options), server.client(options)];
    const lock = await paused.acquire("orders");
    const next = other.acquire("orders");
    server.pause(paused);
    await server.advance(TTL_MS + 1_000);
    expect((await next).token).toBeGreaterThan(lock.token);
    expect(lock.signal.aborted).toBe(true);
    expect(lock.state).toBe("LOST");
    server.resume(paused);
    await server.advance(0);
    expect(await lock.lost).toMatchObject({ reason: "DEADLINE_PASSED" });
  });

  test("a client that slept counts the time it slept", async () => {
    server = await startTestServer();
    const client = server.client(options);
    const lock = await client.acquire("orders");
    server.sleep(client);
    await server.advance(LEASE_MS - 1);
    lock.assertHeld();
    await server.advance(1);
    expect(lock.state).toBe("LOST");
    server.resume(client);
  });

  test("a server that stood still costs nobody a lock that is renewed meanwhile", async () => {
    server = await startTestServer();
    const [holder, other] = [server.client(options), server.client(options)];
    const lock = await holder.acquire("orders");
    server.pause();
    await server.advance(LEASE_MS - 1_000);
    expect(lock.state).toBe("AT_RISK");
    server.resume();
    await server.advance(4_000);
    expect(lock.state).toBe("HELD");
    expect(await other.tryAcquire("orders")).toBeNull();
  });

  test("a clock that runs a hundredth slow costs no client a lock while somebody else has it", async () => {
    server = await startTestServer();
    const slow = server.client({ ...options, clockRate: 0.99 });
    const other = server.client(options);
    const lock = await slow.acquire("orders");
    const next = other.acquire("orders");
    let granted = false;
    void next.then(() => {
      granted = true;
    });
    server.disconnect(slow);
    for (let ms = 0; !granted; ms += 10) {
      const believed = lock.state !== "LOST";
      await server.advance(10);
      if (granted) expect(believed).toBe(false);
      expect(ms).toBeLessThan(2 * TTL_MS);
    }
  });

  test("a wall clock that is set back adds no time", async () => {
    server = await startTestServer();
    const client = server.client(options);
    const lock = await client.acquire("orders");
    server.disconnect(client);
    server.shiftWallClock(client, -3_600_000);
    await server.advance(LEASE_MS);
    expect(lock.state).toBe("LOST");
  });

  test("a wall clock that is set forward costs the lock at once, and safely", async () => {
    server = await startTestServer();
    const client = server.client(options);
    const lock = await client.acquire("orders");
    server.shiftWallClock(client, TTL_MS);
    expect(lock.state).toBe("LOST");
  });
});

test("a test server is closed although everybody stands still", async () => {
  server = await startTestServer();
  const client = server.client();
  const lock = await client.acquire("orders");
  server.pause();
  server.pause(client);
  await server.close();
  expect(lock.state).toBe("LOST");
  await expect(server.start()).rejects.toThrow("closed");
});

test("a test server that was stopped can be closed", async () => {
  server = await startTestServer();
  const client = server.client();
  await client.acquire("orders");
  await server.stop();
  await server.stop();
  await server.close();
});

test("a clock rate has to be above 0", async () => {
  server = await startTestServer();
  expect(() => server.client({ clockRate: 0 })).toThrow(RangeError);
});
