import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Client, connect } from "@lockstep/client/node";
import { ChangeOp } from "@lockstep/protocol";
import { replicate } from "@lockstep/replica";
import { startServerProcess } from "../server-process.ts";
import { within } from "../time.ts";
import type { ChangeLog, Entry, Follow, Follower, OnChange, System } from "./system.ts";
import { TellingStore } from "./telling-store.ts";

const START_MS_MAX = 60_000;
// A thousand callers wait for one another's syncs: who waits long has not failed.
const APPEND_MS_MAX = 60_000;
const SNAPSHOT_MS_MAX = 1_800_000;
/** No change of a measured log is dropped. */
const ALL_CHANGES = 1_000_000_000n;

/** A server on SQLite, as `lockstep serve` starts it; its subscriptions as they are, and replicas on SQLite. */
export async function lockstep(): Promise<System> {
  const server = await startServerProcess({ probed: true });
  const writer = connect({ address: server.address });
  await writer.ready();
  const { serverVersion } = await writer.serverInfo();
  const folder = mkdtempSync(join(tmpdir(), "lockstep-bench-replica-"));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.once("exit", removeFolder);
  return {
    name: "Lockstep",
    version: `Lockstep ${serverVersion}`,
    open: async (name) => openDataset({ name, writer, address: server.address, folder }),
    cpuMs: async () => (await server.usage({ collect: false })).cpuMs,
    close: async () => {
      await writer.close();
      await server.stop();
      process.off("exit", removeFolder);
      removeFolder();
    },
  };
}

interface Place {
  readonly name: string;
  readonly writer: Client;
  readonly address: string;
  /** Where replicas keep their files. */
  readonly folder: string;
}

async function openDataset(place: Place): Promise<ChangeLog> {
  const { name, writer } = place;
  await makeDataset(writer, name);
  const replicas = new Replicas(place);
  // It stays where the log begins, and goes on from there each time it is asked to.
  await replicas.makeSeed();
  return {
    append: (entries) => appendTo(writer, name, entries),
    followers: {
      subscription: subscriptionOf(place),
      "replica on SQLite": (from, onChange) => replicas.follow(from, onChange),
    },
    snapshots: {
      subscription: () => readSnapshot(place),
      "replica on SQLite": () => replicas.takeSnapshot(),
    },
  };
}

/** Makes a dataset of which nothing is dropped. */
export async function makeDataset(client: Client, dataset: string): Promise<void> {
  const policy = { retentionChanges: ALL_CHANGES };
  await client.datasets.create({ dataset, policy, reason: "benchmark" });
}

/** Appends all or none. */
export async function appendTo(
  client: Client,
  dataset: string,
  entries: readonly Entry[],
): Promise<void> {
  const changes = entries.map(({ key, value }) => ({
    op: ChangeOp.PUT,
    key: Buffer.from(key),
    value,
    schemaVersion: 1,
  }));
  await client.datasets.append({ dataset, changes }, { timeoutMs: APPEND_MS_MAX });
}

/** What the server sends, as it comes: nothing is applied. */
function subscriptionOf({ name, writer, address }: Place): Follow {
  return async (from, onChange) => {
    const client = connect({ address });
    const { dataset } = await writer.datasets.describe(name);
    const seq = from === "beginning" ? 0n : (dataset?.headSeq ?? 0n);
    const stopped = new AbortController();
    const started = Promise.withResolvers<void>();
    const cursor = { seq, logHash: new Uint8Array() };
    const start = { case: "cursor", value: cursor } as const;
    const read = async () => {
      const parts = client.replication.subscribe({ dataset: name, start }, stopped.signal);
      for await (const { part } of parts) {
        if (part.case === "started") started.resolve();
        if (part.case !== "changes") continue;
        for (const { key, op } of part.value.changes) {
          if (op === ChangeOp.PUT) onChange(Buffer.from(key).toString());
        }
      }
    };
    const reading = read();
    reading.catch(started.reject);
    await within(START_MS_MAX, "a subscription", started.promise);
    return {
      stop: async () => {
        stopped.abort();
        await reading.catch(() => undefined);
        await client.close();
      },
    };
  };
}

/** Reads all rows and keeps none. */
async function readSnapshot({ name, address }: Place): Promise<number> {
  const client = connect({ address });
  const stopped = new AbortController();
  let rows = 0;
  try {
    for await (const { part } of client.replication.subscribe({ dataset: name }, stopped.signal)) {
      if (part.case === "snapshotChunk") rows += part.value.rows.length;
      if (part.case === "snapshotEnd") return rows;
    }
    throw new Error("the snapshot has no end");
  } finally {
    stopped.abort();
    await client.close();
  }
}

/** Replicas of one dataset, each on a file of its own. */
class Replicas {
  readonly #place: Place;
  readonly #seed: string;
  #made = 0;

  constructor(place: Place) {
    this.#place = place;
    this.#seed = join(mkdtempSync(join(place.folder, "seed-")), "replica.db");
  }

  /** Leaves a file that has the dataset as it is now. */
  async makeSeed(): Promise<void> {
    const { stop } = await this.#start(new TellingStore(this.#seed), () => undefined);
    await stop();
  }

  /** Goes on from the seed, or from a snapshot of what is there now, and tells what is committed. */
  async follow(from: "beginning" | "end", onChange: OnChange): Promise<Follower> {
    const path = from === "beginning" ? this.#seed : this.#newPath();
    return await this.#start(
      from === "beginning" ? TellingStore.copyOf(path, this.#newPath()) : new TellingStore(path),
      onChange,
    );
  }

  /** Takes a snapshot, publishes it, and forgets it. */
  async takeSnapshot(): Promise<number> {
    const client = connect({ address: this.#place.address });
    const replica = this.#replica(client, new TellingStore(this.#newPath()), () => undefined);
    try {
      await within(SNAPSHOT_MS_MAX, "a snapshot", replica.ready());
      return replica.status().rows;
    } finally {
      await replica.close();
      await client.close();
    }
  }

  async #start(store: TellingStore, onChange: OnChange): Promise<Follower> {
    const client = connect({ address: this.#place.address });
    const replica = this.#replica(client, store, onChange);
    await within(START_MS_MAX, "a replica", replica.ready());
    return {
      stop: async () => {
        await replica.close();
        await client.close();
      },
    };
  }

  #replica(client: Client, store: TellingStore, onChange: OnChange) {
    store.listener = onChange;
    this.#made += 1;
    return replicate({
      client,
      dataset: this.#place.name,
      replica: `replica-${this.#made}`,
      store,
      schemaVersions: [1],
      apply: (change) => store.applied(change),
    });
  }

  #newPath(): string {
    return join(mkdtempSync(join(this.#place.folder, "copy-")), "replica.db");
  }
}
