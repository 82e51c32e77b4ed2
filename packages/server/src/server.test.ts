import { createClient } from "@connectrpc/connect";
import { LockService, ServerService, SessionService } from "@lockstep/protocol";
import { describe, expect, test } from "vitest";
import {
  acquireOf,
  openSession,
  protocols,
  testServers,
  transportTo,
} from "./testing-support/test-server.ts";

const start = testServers();

describe("a server", () => {
  test.each(protocols)("takes and releases a lock over %s [GEN-94]", async (protocol) => {
    const { server } = await start();
    const transport = transportTo(server.url, protocol);
    const session = await openSession(transport);
    const locks = createClient(LockService, transport);
    const acquired = await locks.acquire({ ...acquireOf("orders", 1n), session });
    expect(acquired.outcome.case).toBe("granted");
    expect(acquired.header?.clusterId).toBe("cluster");
    const { holdId, token } = acquired.outcome.value as never as { holdId: bigint; token: bigint };
    const released = await locks.release({ session, requestId: 2n, holdId, token });
    expect(released.outcome).toBe(1);
  });

  test("tells its version, limits and counters [GEN-90]", async () => {
    const { server } = await start();
    const client = createClient(ServerService, transportTo(server.url));
    const info = await client.getServerInfo({ namespace: "default" });
    expect(info).toMatchObject({
      serverVersion: "0.0.0-test",
      protocolVersions: ["v1"],
      features: ["attach", "replication"],
      node: "node-1",
      namespace: { namespace: "default", counters: { sessions: 0n } },
    });
    expect(info.limits.max_request_bytes).toBe(2n * 1024n * 1024n);
  });

  test("opens the same session again for the same secret [SES-3]", async () => {
    const { server } = await start();
    const transport = transportTo(server.url, "connect-json");
    const first = await openSession(transport);
    expect((await openSession(transport)).sessionId).toBe(first.sessionId);
    const sessions = await createClient(SessionService, transport).listSessions({
      namespace: "default",
    });
    expect(sessions.sessions).toMatchObject([{ principal: "127.0.0.1" }]);
  });
});
