import { once } from "node:events";
import { type ClientHttp2Session, createServer } from "node:http2";
import { type AddressInfo, connect, type Socket } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Connections, type ConnectionsOptions } from "./connections.ts";
import { ManualClock } from "./ports/manual-clock.ts";

const TTL_MS = 15_000;
const CONNECT_TIMEOUT_MS = 2_500;

test("a connection that dies while a call asks for a new one does not end the process", async () => {
  const connections = await connectionsToServer();
  const first = await request(connections);
  const dying = first.session as ClientHttp2Session;
  const died = new Promise<void>((resolve) => {
    dying.once("close", () => resolve());
  });
  dying.destroy(new Error("PING timed out"));
  const second = await request(connections);
  await died;
  expect(second.session === dying).toBe(false);
});

test("a connection that is not established in time fails its calls, and the next call asks for another", async () => {
  const clock = new ManualClock();
  let asked = 0;
  const createConnection = () => {
    asked += 1;
    return socketThatWaits();
  };
  const connections = await connectionsToServer({ clock, http2: { createConnection } });
  const calls = [request(connections), request(connections)];
  const failures = calls.map((call) =>
    expect(call).rejects.toThrow(`no connection within ${CONNECT_TIMEOUT_MS} ms`),
  );
  await clock.advance(CONNECT_TIMEOUT_MS - 1);
  expect(connections.state()).toBe("connecting");
  await clock.advance(1);
  await Promise.all(failures);
  expect(asked).toBe(1);
  const next = request(connections);
  await clock.settle();
  expect(asked).toBe(2);
  connections.abort();
  await expect(next).rejects.toThrow("connection aborted");
});

test("a call that joined an attempt which was refused makes one of its own", async () => {
  const refused = socketThatWaits();
  const sockets = [refused];
  const createConnection = ({ port, hostname }: URL) =>
    sockets.shift() ?? connect(Number(port), hostname);
  const connections = await connectionsToServer({ http2: { createConnection } });
  const [first, second] = [request(connections), request(connections)];
  const failure = expect(first).rejects.toThrow("nobody listens");
  refused.destroy(new Error("nobody listens"));
  await failure;
  expect((await second).session?.connecting).toBe(false);
});

test("a call that joined an attempt makes no more than one of its own", async () => {
  const sockets = [socketThatWaits(), socketThatWaits()];
  let asked = 0;
  const createConnection = () => sockets[asked++] ?? socketThatWaits();
  const connections = await connectionsToServer({ http2: { createConnection } });
  const calls = [request(connections), request(connections), request(connections)];
  const failures = calls.map((call) => expect(call).rejects.toThrow("nobody listens"));
  sockets[0]?.destroy(new Error("nobody listens"));
  await failures[0];
  sockets[1]?.destroy(new Error("nobody listens"));
  await Promise.all(failures);
  expect(asked).toBe(2);
});

test("a connection that was established in time is kept", async () => {
  const clock = new ManualClock();
  const connections = await connectionsToServer({ clock });
  const { session } = await request(connections);
  await clock.advance(TTL_MS);
  expect((await request(connections)).session === session).toBe(true);
});

/** A socket that waits for an address that never comes. */
function socketThatWaits(): Socket {
  return connect({ host: "server.invalid", port: 1, lookup: () => {} });
}

async function connectionsToServer(
  options: Partial<ConnectionsOptions> = {},
): Promise<Connections> {
  const server = createServer((_, response) => void response.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connections = new Connections({
    url: `http://127.0.0.1:${port}`,
    ttlMs: TTL_MS,
    ...options,
  });
  onTestFinished(() => {
    connections.abort();
    server.close();
  });
  return connections;
}

async function request(connections: Connections) {
  const stream = await connections.request("POST", "/", {}, {});
  // Whoever makes a call hears of its end; this one does not care.
  stream.on("error", () => {});
  return stream;
}
