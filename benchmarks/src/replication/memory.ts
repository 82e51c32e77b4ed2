import { randomBytes } from "node:crypto";
import { type Client, connect } from "@lockstep/client/node";
import type { ServerProcess } from "../server-process.ts";
import { pass, within } from "../time.ts";
import { fill } from "./large-logs.ts";
import { appendTo, makeDataset } from "./lockstep.ts";
import { startOwnServer } from "./own-server.ts";
import type { Figures, Trial } from "./trial.ts";

const DATASET = "large";
const WARM_UP_ROWS = 1_000;
// Long enough for the server to fill what it may, and short enough that nobody is cut off for being slow.
const STALL_MS = 5_000;
const START_MS_MAX = 60_000;

/** What a dataset takes in a server's memory, all hashes of its digest computed; and a replica that reads nothing. */
export function memory(rows: number, stalled: number): Trial {
  return {
    part: "memory",
    system: "Lockstep",
    of: `${rows.toLocaleString("en")} rows, ${stalled} stalled`,
    run: async () => {
      const { server, client, close } = await startOwnServer();
      try {
        const datasetBytes = await bytesOfDataset(server, client, rows);
        const { used, resident } = await bytesOfStalled(server, stalled);
        return { datasetBytes, subscriberBytes: used, residentBytes: resident } satisfies Figures;
      } finally {
        await close();
      }
    },
  };
}

async function bytesOfDataset(
  server: ServerProcess,
  client: Client,
  rows: number,
): Promise<number> {
  // The code that runs is loaded before anything counts.
  await makeFilled(client, "warm-up", WARM_UP_ROWS);
  const before = await server.usage({ collect: true });
  await makeFilled(client, DATASET, rows);
  const after = await server.usage({ collect: true });
  return after.usedBytes - before.usedBytes;
}

async function makeFilled(client: Client, dataset: string, rows: number): Promise<void> {
  await makeDataset(client, dataset);
  await fill(rows, (entries) => appendTo(client, dataset, entries));
  // It computes the root of all rows, and with it every hash of the tree.
  await client.datasets.describe(dataset);
}

/** Each with a connection of its own, as different programs would have. */
async function bytesOfStalled({ address, usage }: ServerProcess, count: number) {
  const clients = Array.from({ length: count }, () => connect({ address }));
  const stopped = new AbortController();
  try {
    await Promise.all(clients.map((client) => client.ready()));
    const before = await usage({ collect: true });
    const open = clients.map((client, number) =>
      stall(client, `stalled-${number}`, stopped.signal),
    );
    await within(START_MS_MAX, "subscribing", Promise.all(open));
    await pass(STALL_MS);
    const after = await usage({ collect: true });
    return {
      used: (after.usedBytes - before.usedBytes) / count,
      resident: (after.residentBytes - before.residentBytes) / count,
    };
  } finally {
    stopped.abort();
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** Registers a replica, begins at the beginning of the log, and takes nothing of it. */
async function stall(client: Client, replica: string, signal: AbortSignal): Promise<void> {
  const instance = randomBytes(16);
  const link = client.replication;
  const { generation } = await link.register({ dataset: DATASET, replica, instance });
  const start = { case: "cursor", value: { seq: 0n, logHash: await beginningOf(client) } } as const;
  const parts = link.subscribe({ dataset: DATASET, replica, generation, start }, signal);
  const first = await parts[Symbol.asyncIterator]().next();
  if (first.done === true) throw new Error("the subscription has ended");
}

/** The log hash before the first change. */
async function beginningOf(client: Client): Promise<Uint8Array> {
  const stopped = new AbortController();
  const start = { case: "cursor", value: { seq: 0n } } as const;
  try {
    for await (const { part } of client.replication.subscribe(
      { dataset: DATASET, start },
      stopped.signal,
    )) {
      if (part.case === "started" && part.value.low) return part.value.low.logHash;
    }
    throw new Error("the subscription did not begin");
  } finally {
    stopped.abort();
  }
}
