import { once } from "node:events";
import { type ClientHttp2Session, createServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { Connections } from "./connections.ts";

test("a connection that dies while a call asks for a new one does not end the process", async () => {
  const server = createServer((_, response) => void response.end());
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const connections = new Connections(false, `http://127.0.0.1:${port}`);
  onTestFinished(() => {
    connections.abort();
    server.close();
  });
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

async function request(connections: Connections) {
  const stream = await connections.request("POST", "/", {}, {});
  // Whoever makes a call hears of its end; this one does not care.
  stream.on("error", () => {});
  return stream;
}
