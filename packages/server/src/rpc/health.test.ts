import { Code, type ConnectError, createClient } from "@connectrpc/connect";
import { errorDetailOf } from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../gen/health/v1/health_pb.ts";
import { startTestServer, type TestServer, transportTo } from "../testing-support/test-server.ts";

let running: TestServer;
beforeEach(async () => {
  running = await startTestServer();
});
afterEach(() => running.close());

const client = () => createClient(Health, transportTo(running.server.url, "grpc"));

describe("health", () => {
  test.each(["", "lockstep.v1.LockService"])("of %j is SERVING", async (service) => {
    expect((await client().check({ service })).status).toBe(Status.SERVING);
  });

  test("of a service nobody knows is NOT_FOUND", async () => {
    const error: ConnectError = await client()
      .check({ service: "nope" })
      .catch((thrown) => thrown);
    expect(error.code).toBe(Code.NotFound);
    expect(errorDetailOf(error)?.metadata.field).toBe("service");
  });

  test("lists every service", async () => {
    const { statuses } = await client().list({});
    expect(Object.keys(statuses)).toContain("lockstep.v1.SessionService");
    expect(statuses[""]?.status).toBe(Status.SERVING);
  });

  test("tells a watcher that the server stops before it stops", async () => {
    const statuses = client().watch({ service: "" })[Symbol.asyncIterator]();
    expect((await statuses.next()).value?.status).toBe(Status.SERVING);
    const stopped = running.server.close();
    expect((await statuses.next()).value?.status).toBe(Status.NOT_SERVING);
    expect((await statuses.next()).done).toBe(true);
    await stopped;
  });

  test("tells a watcher that the namespace has stopped answering", async () => {
    const leave = new AbortController();
    const watched = client().watch({ service: "" }, { signal: leave.signal });
    const statuses = watched[Symbol.asyncIterator]();
    await statuses.next();
    const next = statuses.next();
    running.stopNamespace();
    await running.clock.advance(1_000);
    expect((await next).value?.status).toBe(Status.NOT_SERVING);
    leave.abort();
  });
});
