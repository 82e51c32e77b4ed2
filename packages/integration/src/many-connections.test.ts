import { readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { onTestFinished, test } from "vitest";
import { serverForTest } from "./world.ts";

// More than the 511 that Node lets wait unless told otherwise, but no more than the system does.
const SYSTEM_MAX = Number(readFileSync("/proc/sys/net/core/somaxconn", "utf8"));
const AT_ONCE = Math.min(700, SYSTEM_MAX);

test("all who come at once while the server is busy are let in", async () => {
  const server = await serverForTest();
  const port = Number(server.address.split(":").at(-1));
  await server.pause();
  const sockets = Array.from({ length: AT_ONCE }, () => connect(port, "127.0.0.1"));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
  });
  await Promise.all(sockets.map(connected));
  server.resume();
});

function connected(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("connect", resolve);
    socket.once("error", reject);
  });
}
