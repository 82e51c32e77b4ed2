import { connect as connectHttp2 } from "node:http2";
import { Code, createClient } from "@connectrpc/connect";
import { DEFAULT_LIMITS, ErrorReason, errorDetailOf, LockService } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import {
  acquireOf,
  openSession,
  testServers,
  transportTo,
} from "../../testing-support/test-server.ts";
import { InFlightBytes } from "./in-flight-bytes.ts";

const startServer = testServers();
const start = (limits: object) => startServer({ limits: { ...DEFAULT_LIMITS, ...limits } });

describe("max_in_flight_bytes", () => {
  test("counts by principal what is under way, and forgets what is over", () => {
    const bytes = new InFlightBytes({ max_in_flight_bytes: 10 });
    const first = bytes.lease("a");
    first.take(6);
    expect(() => bytes.lease("a").take(5)).toThrow("max_in_flight_bytes");
    bytes.lease("b").take(10);
    bytes.lease("a").take(4);
    first.release();
    first.release();
    expect(bytes.held("a")).toBe(4);
  });

  test("counts nothing for a request that is over, whatever is still read of it", () => {
    const bytes = new InFlightBytes({ max_in_flight_bytes: 10 });
    const lease = bytes.lease("a");
    lease.take(6);
    lease.close();
    lease.take(20);
    expect(bytes.held("a")).toBe(0);
  });

  test("refuses the request that is too much while others wait, and no later one [GEN-51]", async () => {
    const { server, clock, namespace } = await start({ max_in_flight_bytes: 600 });
    const transport = transportTo(server.url, "connect-json");
    const holder = await openSession(transport, 1);
    const locks = createClient(LockService, transport);
    await locks.acquire({ ...acquireOf("k", 1n), session: holder });
    const wait = { waitMs: 60_000n, pollTimeoutMs: 1_000n };
    const waiting = [1n, 2n].map((id) =>
      locks.acquire({ ...acquireOf("k", id + 1n, wait), session: holder }),
    );
    await expect.poll(() => namespace.info().counters?.waiters).toBe(2n);
    const large = { ...acquireOf("k".repeat(400), 4n), session: holder };
    const error = await locks.acquire(large).catch((thrown) => thrown);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(errorDetailOf(error)).toMatchObject({
      reason: ErrorReason.LIMIT_EXCEEDED,
      metadata: { limit: "max_in_flight_bytes", max: "600" },
    });
    await clock.advance(1_000);
    await Promise.all(waiting);
    expect((await locks.acquire(large)).outcome.case).toBe("granted");
  });
});

describe("max_response_bytes", () => {
  test("refuses a reply that is too large, and says so [GEN-51]", async () => {
    const { server } = await start({ max_response_bytes: 200 });
    const locks = createClient(LockService, transportTo(server.url));
    const error = await locks
      .getLock({ namespace: "default", key: "k".repeat(500) })
      .catch((thrown) => thrown);
    expect(error.code).toBe(Code.ResourceExhausted);
    expect(errorDetailOf(error)).toMatchObject({
      reason: ErrorReason.LIMIT_EXCEEDED,
      metadata: { limit: "max_response_bytes", max: "200" },
    });
  });
});

describe("max_request_bytes", () => {
  test("refuses a message that announces itself as too large before it comes [GEN-52]", async () => {
    const { server } = await start({});
    const session = connectHttp2(server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": "/lockstep.v1.LockService/GetLock",
      "content-type": "application/json",
      "content-length": String(DEFAULT_LIMITS.max_request_bytes + 1),
    });
    stream.on("error", () => undefined);
    const status = await new Promise((resolve) =>
      stream.on("response", (headers) => resolve(headers[":status"])),
    );
    expect(status).toBe(429);
    session.destroy();
  });
});

describe("default_deadline_ms", () => {
  test("ends a call whose body does not come [GEN-89]", async () => {
    const { server, clock, submitted } = await start({ default_deadline_ms: 3_000 });
    const session = connectHttp2(server.url);
    const stream = session.request({
      ":method": "POST",
      ":path": "/lockstep.v1.LockService/GetLock",
      "content-type": "application/json",
    });
    const status = new Promise((resolve) =>
      stream.on("response", (headers) => resolve(headers[":status"])),
    );
    stream.write("{");
    await expect.poll(() => clock.nextTimerMs()).toBe(3_000);
    await clock.advance(3_000);
    expect(await status).toBe(504);
    expect(submitted).toEqual([]);
    session.destroy();
  });
});
