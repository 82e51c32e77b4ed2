import { type Client, LockLostError, NotGrantedError, RequestError } from "@lockstep/client";
import type { Event } from "@lockstep/protocol";
import { afterEach, describe, expect, test } from "vitest";
import { startTestServer, type TestServer, type TestServerOptions } from "./index.ts";

let server: TestServer;
afterEach(() => server.close());

async function start(options: TestServerOptions = {}): Promise<TestServer> {
  server = await startTestServer(options);
  return server;
}

async function kindsOf(client: Client): Promise<(string | undefined)[]> {
  const { events } = await client.listEvents();
  return events.map(({ body }) => body.case);
}

describe.each([
  ["over Attach", true],
  ["over unary calls", false],
])("a test server %s", (_, attach) => {
  test("grants a second client the lock after a release, with a higher token", async () => {
    await start();
    const first = server.client({ attach });
    const second = server.client({ attach });
    const held = await first.acquire("orders");
    const waiting = second.acquire("orders");
    let granted = false;
    void waiting.then(() => {
      granted = true;
    });
    await server.advance(0);
    expect(granted).toBe(false);
    expect(await second.tryAcquire("orders")).toBeNull();
    await held.release();
    const next = await waiting;
    expect(next.token).toBeGreaterThan(held.token);
    expect(held.state).toBe("RELEASED");
    expect(server.elapsedMs).toBe(0);
  });

  test("keeps the locks of clients that reach it, for as long as time goes on", async () => {
    await start();
    const lock = await server.client({ attach }).acquire("orders");
    await server.advance(3_600_000);
    lock.assertHeld();
    expect(lock.state).toBe("HELD");
  });

  test("takes the lock from a client that is cut off, not before that client has given it up", async () => {
    await start();
    const cutOff = server.client({ attach, ttlMs: 15_000 });
    const other = server.client({ attach });
    const lock = await cutOff.acquire("orders");
    const next = other.acquire("orders");
    await server.advance(0);
    server.disconnect(cutOff);
    await server.advance(14_839);
    expect(lock.state).toBe("AT_RISK");
    await server.advance(1);
    expect(lock.state).toBe("LOST");
    expect(() => lock.assertHeld()).toThrow(LockLostError);
    expect(await lock.lost).toMatchObject({ reason: "DEADLINE_PASSED" });
    expect((await other.getLock("orders")).lock?.holders[0]?.token).toBe(lock.token);
    await server.advance(1_160);
    expect((await next).token).toBeGreaterThan(lock.token);
    expect(await kindsOf(other)).toContain("lockLost");
  });

  test("lets a client go on with its lock that is reconnected in time", async () => {
    await start();
    const client = server.client({ attach });
    const lock = await client.acquire("orders");
    server.disconnect(client);
    await server.advance(12_000);
    expect(lock.state).toBe("AT_RISK");
    server.reconnect(client);
    await server.advance(3_000);
    expect(lock.state).toBe("HELD");
    await server.advance(60_000);
    lock.assertHeld();
    await lock.release();
  });

  test("ends a wait when its time has passed", async () => {
    await start();
    await server.client({ attach }).acquire("orders");
    const waiting = server.client({ attach }).acquire("orders", { waitMs: 5_000 });
    const outcome = waiting.catch((error: unknown) => error);
    await server.advance(5_000);
    const error = await outcome;
    expect(error).toBeInstanceOf(NotGrantedError);
    expect(error).toMatchObject({ reason: "WAIT_TIMED_OUT" });
  });
});

describe("a test server", () => {
  test("gives the same history for the same script, chance included", async () => {
    const script = async (seed: number) => {
      await start({ seed });
      const [first, second] = [server.client(), server.client()];
      await first.acquire("a");
      const waiting = second.acquire("a").catch(() => undefined);
      await second.acquire("b");
      server.disconnect(first);
      await server.advance(20_000);
      await waiting;
      // It looks for the server again and again, with pauses that chance makes longer or shorter.
      const again = first.acquire("c");
      await server.advance(5_000);
      server.reconnect(first);
      await server.advance(5_000);
      await again;
      const { events } = await first.listEvents();
      await server.close();
      return events;
    };
    const once = await script(1);
    expect(once.length).toBeGreaterThan(8);
    expect(await script(1)).toEqual(once);
    expect(await script(2)).not.toEqual(once);
  });

  test("shows what happens to those who watch, at the time it happens", async () => {
    await start({ startUnixMs: 1_000_000 });
    const client = server.client();
    const seen: Event[] = [];
    void (async () => {
      for await (const event of client.watch({ keys: ["orders"] })) seen.push(event);
    })();
    await server.advance(10_000);
    await (await client.acquire("orders")).release();
    await server.advance(0);
    expect(seen.map(({ body, decidedAtMs }) => [body.case, decidedAtMs])).toEqual([
      ["lockGranted", 1_010_000n],
      ["lockReleased", 1_010_000n],
    ]);
    expect(server.unixMs).toBe(1_010_000);
  });

  test("holds clients to the rules and limits of a real server", async () => {
    await start({ limits: { max_holds_per_session: 1 } });
    const client = server.client();
    await expect(client.acquire("a\u0000b")).rejects.toMatchObject({ reason: "INVALID_FIELD" });
    await client.acquire("a");
    const refused = client.acquire("b");
    await expect(refused).rejects.toBeInstanceOf(RequestError);
    await expect(refused).rejects.toMatchObject({
      reason: "LIMIT_EXCEEDED",
      metadata: { limit: "max_holds_per_session" },
    });
  });

  test("serves several namespaces, each with its own locks [GEN-5]", async () => {
    await start({ namespaces: ["red", "blue"] });
    const red = await server.client({ namespace: "red" }).acquire("orders");
    const blue = await server.client({ namespace: "blue" }).acquire("orders");
    expect([red.state, blue.state]).toEqual(["HELD", "HELD"]);
    await expect(server.client().acquire("orders")).rejects.toMatchObject({
      reason: "NOT_PERMITTED",
    });
  });

  test("closes its clients with it, also one that is cut off while it waits", async () => {
    await start();
    const holder = server.client();
    const cutOff = server.client();
    const lock = await holder.acquire("orders");
    const waiting = cutOff.acquire("orders").catch((error: unknown) => error);
    await server.advance(0);
    server.disconnect(cutOff);
    await server.close();
    expect(lock.state).toBe("LOST");
    expect(await waiting).toMatchObject({ name: "ClientClosedError" });
    expect(() => server.client()).toThrow("closed");
  });

  test("says so when the server itself breaks", async () => {
    const broken = {
      valueOf() {
        throw new Error("this limit is none");
      },
    };
    const server = await startTestServer({ limits: { max_holds_per_session: broken as never } });
    const refused = server.client().acquire("orders");
    refused.catch(() => undefined);
    await expect(server.advance(0)).rejects.toThrow("this limit is none");
    await expect(server.close()).rejects.toThrow("this limit is none");
  });

  test("refuses times and clients that are none", async () => {
    await start();
    await expect(server.advance(-1)).rejects.toThrow(RangeError);
    await expect(server.advance(0.5)).rejects.toThrow(RangeError);
    const stranger = (await startTestServer()).client();
    expect(() => server.disconnect(stranger)).toThrow(TypeError);
  });
});
