import { randomBytes } from "node:crypto";
import { type Client, connect } from "@lockstep/client/node";
import type { ServerProcess } from "../server-process.ts";
import { pass, within } from "../time.ts";
import { fill } from "./large-logs.ts";
import { appendTo, makeDataset } from "./lockstep.ts";
import { startOwnServer } from "./own-server.ts";
import type { Figures, Trial } from "./trial.ts";

const DATASET = "large-0";
// What a server keeps for a while, such as its last events, is a few MiB; among several datasets it matters less.
const DATASETS = 4;
// With as many, the digest has made room for all of its buckets: more rows take no more memory.
const ROWS_MAX = 100_000;
const SETTLE_MS = 2_000;
// Long enough for the server to fill what it may, and short enough that nobody is cut off for being slow.
const STALL_MS = 5_000;
const START_MS_MAX = 60_000;

/** What a dataset takes in a server's memory, all hashes of its digest computed; and a replica that reads nothing. */
export function memory(changes: number, stalled: number): Trial {
  const rows = Math.min(changes, ROWS_MAX);
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
  // What the server keeps whatever datasets there are, such as its last events, is there before anything counts.
  await makeFilled(client, "first", rows);
  const before = await usedBytes(server);
  for (let number = 0; number < DATASETS; number++) {
    await makeFilled(client, `large-${number}`, rows);
  }
  return ((await usedBytes(server)) - before) / DATASETS;
}

/** What it uses once it has written down what there is to write down. */
async function usedBytes(server: ServerProcess): Promise<number> {
  await pass(SETTLE_MS);
  return (await server.usage({ collect: true })).usedBytes;
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
  const stalled: (() => Promise<unknown>)[] = [];
  try {
    await Promise.all(clients.map((client) => client.ready()));
    const before = await usage({ collect: true });
    const open = clients.map(async (client, number) => {
      stalled.push(await stall(client, `stalled-${number}`));
    });
    await within(START_MS_MAX, "subscribing", Promise.all(open));
    await pass(STALL_MS);
    const after = await usage({ collect: true });
    return {
      used: (after.usedBytes - before.usedBytes) / count,
      resident: (after.residentBytes - before.residentBytes) / count,
    };
  } finally {
    await Promise.all(stalled.map((end) => end()));
    await Promise.all(clients.map((client) => client.close()));
  }
}

/** Registers a replica, begins at the beginning of the log, and takes nothing of it. Returns how to end that. */
async function stall(client: Client, replica: string): Promise<() => Promise<unknown>> {
  const stopped = new AbortController();
  const instance = randomBytes(16);
  const link = client.replication;
  const { generation } = await link.register({ dataset: DATASET, replica, instance });
  const start = { case: "cursor", value: { seq: 0n, logHash: await beginningOf(client) } } as const;
  const request = { dataset: DATASET, replica, generation, start };
  const parts = link.subscribe(request, stopped.signal)[Symbol.asyncIterator]();
  const first = await parts.next();
  if (first.done === true) throw new Error("the subscription has ended");
  return async () => {
    stopped.abort();
    await parts.return?.();
  };
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
