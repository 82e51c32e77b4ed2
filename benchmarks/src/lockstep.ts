import { createConnectTransport } from "@connectrpc/connect-node";
import { type Client, connect, createClient } from "@lockstep/client/node";
import type { Contestant, Group } from "./contestant.ts";
import { startServerProcess } from "./server-process.ts";

/** Acquire and release of a fenced lock, durable on disk before the reply, every caller with its own key. */
export async function lockstep(callers: readonly number[]): Promise<Group> {
  const server = await startServerProcess();
  const attached = connect({ address: server.address });
  const unary = unaryClient(server.address);
  await Promise.all([attached.ready(), unary.ready()]);
  return {
    contestants: [
      ...callers.map((count) => cycles("Lockstep, Attach", attached, count)),
      ...callers.map((count) => cycles("Lockstep, unary", unary, count)),
    ],
    close: async () => {
      await Promise.all([attached.close(), unary.close()]);
      await server.stop();
    },
  };
}

function unaryClient(address: string): Client {
  const transport = () =>
    createConnectTransport({
      baseUrl: `http://${address}`,
      httpVersion: "2",
      acceptCompression: [],
    });
  return createClient({ transport: transport(), controlTransport: transport(), attach: false });
}

function cycles(name: string, client: Client, callers: number): Contestant {
  return {
    name,
    callers,
    cycle: async (caller) => {
      const lock = await client.acquire(`${name}/${callers}/${caller}`);
      await lock.release();
    },
  };
}
