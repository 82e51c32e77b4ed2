import { createConnectTransport } from "@connectrpc/connect-node";
import { type Client, connect, createClient } from "@lockstep/client/node";
import type { Contestant, Group, Sizes } from "./contestant.ts";
import { startServerProcess } from "./server-process.ts";

/** Acquire and release of a fenced lock, durable on disk before the reply. */
export async function lockstep({ callers, contending }: Sizes): Promise<Group> {
  const server = await startServerProcess();
  const attached = connect({ address: server.address });
  const unary = unaryClient(server.address);
  const rivals = Array.from({ length: contending }, () => connect({ address: server.address }));
  await Promise.all([attached, unary, ...rivals].map((client) => client.ready()));
  const { serverVersion } = await attached.serverInfo();
  return {
    version: `Lockstep ${serverVersion}`,
    contestants: [
      ...callers.map((count) => cycles("Lockstep, Attach", attached, count)),
      ...callers.map((count) => cycles("Lockstep, unary", unary, count)),
      contended(rivals),
    ],
    close: async () => {
      await Promise.all([attached, unary, ...rivals].map((client) => client.close()));
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
    contended: false,
    work: {
      cycle: async (caller) => {
        const lock = await client.acquire(`${name}/${callers}/${caller}`);
        await lock.release();
      },
    },
  };
}

/** Clients with a session each that all want the same lock, and give it back at once. */
function contended(clients: readonly Client[]): Contestant {
  const cycle = async (caller: number) => {
    const lock = await (clients[caller] as Client).acquire("one");
    await lock.release();
  };
  return { name: "Lockstep, Attach", callers: clients.length, contended: true, work: { cycle } };
}
