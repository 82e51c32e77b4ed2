import { createConnectTransport } from "@connectrpc/connect-node";
import { type Client, connect, createClient } from "@lockstep/client/node";
import { startServerProcess } from "../server-process.ts";
import { ArrivalOrder } from "./arrival-order.ts";
import type { Contestant, Group, Sizes } from "./contestant.ts";

const EVENTS_PER_PAGE = 1_000;

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
      contended(rivals, attached),
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

/** Clients with a session and a connection each that all want the same lock, and give it back at once. */
function contended(clients: readonly Client[], reader: Client): Contestant {
  const key = "one";
  let afterRevision = 0n;
  return {
    name: "Lockstep, Attach",
    callers: clients.length,
    contended: true,
    work: {
      contend: async (caller) => {
        const lock = await (clients[caller] as Client).acquire(key);
        return () => lock.release();
      },
    },
    prepare: async () => {
      afterRevision = (await reader.serverInfo()).namespace?.revision ?? 0n;
    },
    arrivalOrderKept: async () => {
      const order = await readOrder(reader, key, afterRevision);
      if (order.grants === 0) throw new Error("the history shows no grant of what was measured");
      return order.outOfTurn === 0;
    },
  };
}

async function readOrder(client: Client, key: string, after: bigint): Promise<ArrivalOrder> {
  const order = new ArrivalOrder();
  for (let afterRevision = after; ; ) {
    const page = { keys: [key], afterRevision, pageSize: EVENTS_PER_PAGE };
    const { events, nextAfterRevision, more } = await client.listEvents(page);
    for (const event of events) order.see(event);
    if (!more) return order;
    afterRevision = nextAfterRevision;
  }
}
