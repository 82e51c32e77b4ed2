// The stubs of every language speak to the same port.
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import {
  FenceStatus,
  LockMode,
  LockService,
  ReleaseOutcome,
  ServerService,
  SessionService,
  SessionState,
} from "@lockstep/protocol";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ServerProcess } from "./processes/server-process.ts";

let server: ServerProcess;

beforeAll(async () => {
  server = await ServerProcess.start();
});
afterAll(() => server.remove());

const json = { useBinaryFormat: false } as const;
const transports: Record<string, (baseUrl: string) => Transport> = {
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
  "gRPC-web over HTTP/1.1": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  "gRPC-web over HTTP/2": (baseUrl) => createGrpcWebTransport({ baseUrl, httpVersion: "2" }),
  "Connect with JSON over HTTP/1.1": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", ...json }),
  "Connect with JSON over HTTP/2": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "2", ...json }),
};

test.each(Object.entries(transports))(
  "a lock is taken and given back over %s [GEN-94]",
  async (name, to) => {
    const transport = to(server.url);
    const sessions = createClient(SessionService, transport);
    const locks = createClient(LockService, transport);
    const session = await openedSession(sessions);
    const target = { key: `stubs/${name}`, mode: LockMode.EXCLUSIVE };
    const { outcome } = await locks.acquire({ session, requestId: 1n, targets: [target] });
    expect(outcome.case).toBe("granted");
    if (outcome.case !== "granted") return;
    const { holdId, token } = outcome.value;
    const fence = { namespace: "default", key: target.key, token };
    expect((await locks.checkFence(fence)).status).toBe(FenceStatus.CURRENT);
    const { seq } = await sessions.keepAlive({ session, seq: 7n });
    expect(seq).toBe(7n);
    const released = await locks.release({ session, requestId: 2n, holdId, token });
    expect(released.outcome).toBe(ReleaseOutcome.RELEASED);
    expect((await locks.checkFence(fence)).status).toBe(FenceStatus.STALE);
    const { state } = await sessions.closeSession({ session, requestId: 3n });
    expect(state).toBe(SessionState.CLOSED);
    const info = await createClient(ServerService, transport).getServerInfo({
      namespace: "default",
    });
    expect(info.namespace?.revision).toBeGreaterThan(token);
  },
);

async function openedSession(sessions: Client<typeof SessionService>) {
  const namespace = "default";
  const secret = crypto.getRandomValues(new Uint8Array(32));
  const { sessionId } = await sessions.openSession({ namespace, secret });
  return { namespace, sessionId, secret };
}
