import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Client } from "@lockstep/client/node";
import { type DriftFound, type Replica, replicate } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";
import { pass, within } from "../time.ts";
import { type Call, countedLink } from "./counted-link.ts";
import { fill, rowOf } from "./large-logs.ts";
import { appendTo, makeDataset } from "./lockstep.ts";
import { startOwnServer } from "./own-server.ts";
import { Writer } from "./streams.ts";
import type { Figures, Trial } from "./trial.ts";

const DATASET = "repaired";
/** So many rows are changed by hand. */
export const CORRUPTED = 10;
const LOAD_CALLERS = 8;
const READY_MS_MAX = 1_800_000;
const WRITE_MS_MAX = 30_000;

/** Rows of a replica's file that are changed by hand are found, located and repaired, while others go on appending. */
export function repair(rows: number): { trial: Trial; close(): Promise<void> } {
  let bench: Promise<Bench> | undefined;
  const trial: Trial = {
    part: "repair",
    system: "Lockstep",
    of: `${CORRUPTED} of ${rows.toLocaleString("en")} rows`,
    run: async () => {
      bench ??= startBench(rows);
      return await measureRepair(await bench);
    },
  };
  return { trial, close: async () => await (await bench)?.close() };
}

interface Bench {
  readonly rows: number;
  readonly client: Client;
  readonly replica: Replica;
  readonly path: string;
  readonly calls: Call[];
  close(): Promise<void>;
}

async function startBench(rows: number): Promise<Bench> {
  const { client, close } = await startOwnServer();
  const folder = mkdtempSync(join(tmpdir(), "lockstep-bench-repair-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", removeFolder);
  await makeDataset(client, DATASET);
  await fill(rows, (entries) => appendTo(client, DATASET, entries));
  const calls: Call[] = [];
  const path = join(folder, "replica.db");
  const replica = replicate({
    client: { replication: countedLink(client.replication, calls) },
    dataset: DATASET,
    replica: "repaired",
    store: new SqliteStore({ path }),
    schemaVersions: [1],
  });
  await within(READY_MS_MAX, "the replica's snapshot", replica.ready());
  return {
    ...{ rows, client, replica, path, calls },
    close: async () => {
      await replica.close();
      await close();
      process.off("exit", removeFolder);
      removeFolder();
    },
  };
}

async function measureRepair(bench: Bench): Promise<Figures> {
  const { client, replica, calls } = bench;
  await corrupt(bench);
  const stop = new AbortController();
  const load = appendUntil(client, stop.signal);
  const found: DriftFound[] = [];
  const listening = listen(replica, stop.signal, found);
  calls.length = 0;
  const fromMs = performance.now();
  const { drift } = await replica.check({ repair: true });
  const toMs = performance.now();
  stop.abort();
  const appended = await load;
  await listening;
  if (drift !== undefined) throw new Error("there is drift that was not repaired");
  const fetched = calls.findIndex(({ name }) => name === "fetchEntries");
  const [first, fetch] = [calls[0], calls[fetched]];
  if (first === undefined || fetch === undefined) throw new Error("nothing was repaired");
  const locating = calls.slice(0, fetched);
  return {
    found: found.reduce((sum, { findings }) => sum + findings.length, 0),
    roundTrips: locating.length,
    bytes: locating.reduce((sum, { bytes }) => sum + bytes, 0),
    scrubMs: first.atMs - fromMs,
    locateMs: fetch.atMs - first.atMs,
    repairMs: toMs - first.atMs,
    loadPerSecond: (appended / (toMs - fromMs)) * 1_000,
  };
}

/** Changes the values of some rows far from one another. */
async function corrupt({ path, rows }: Bench): Promise<void> {
  const hand = new DatabaseSync(path);
  try {
    const slot = hand.prepare("SELECT published_slot AS slot FROM lockstep_store").get()?.slot;
    const change = hand.prepare(`UPDATE lockstep_rows_${slot} SET value = ? WHERE key = ?`);
    const keys = Array.from({ length: CORRUPTED }, (_, at) =>
      Buffer.from(rowOf(Math.floor((at * rows) / CORRUPTED)).key),
    );
    const changeAll = async () => {
      for (const key of keys) {
        // The replica may be in the middle of a transaction, which ends only when this thread goes on.
        while (!changed(() => change.run(Buffer.from("by hand"), key).changes)) await pass(1);
      }
    };
    await within(WRITE_MS_MAX, "changing rows by hand", changeAll());
  } finally {
    hand.close();
  }
}

function changed(change: () => number | bigint): boolean {
  try {
    return Number(change()) === 1;
  } catch (error) {
    if ((error as { errstr?: string }).errstr === "database is locked") return false;
    throw error;
  }
}

async function appendUntil(client: Client, signal: AbortSignal): Promise<number> {
  let appended = 0;
  const caller = async (_: unknown, number: number) => {
    const writer = new Writer(number);
    while (!signal.aborted) {
      await appendTo(client, DATASET, writer.next(1));
      appended += 1;
    }
  };
  await Promise.all(Array.from({ length: LOAD_CALLERS }, caller));
  return appended;
}

async function listen(replica: Replica, signal: AbortSignal, found: DriftFound[]): Promise<void> {
  try {
    for await (const event of replica.events(signal)) {
      if (event.type === "drift") found.push(event.found);
    }
  } catch {
    // It ends with the signal's reason.
  }
}
