import { Redis } from "ioredis";
import type { PeerProgram } from "./program.ts";

/** A peer that answers before its disk has what it was told: its figures would say nothing beside the others. */
class NotDurableError extends Error {
  override readonly name = "NotDurableError";
}

/** Ends a peer that turns out not to be durable. */
export async function proven(program: PeerProgram, proof: Promise<void>): Promise<PeerProgram> {
  try {
    await proof;
    return program;
  } catch (error) {
    await program.stop();
    throw error;
  }
}

/** Asks a Redis on loopback how it syncs. @throws NotDurableError unless it does so before each answer */
export async function requireDurableRedis(port: number): Promise<void> {
  const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true });
  await client.connect();
  try {
    for (const [name, wanted] of [
      ["appendonly", "yes"],
      ["appendfsync", "always"],
    ] as const) {
      const [, is] = (await client.config("GET", name)) as string[];
      if (is !== wanted) throw new NotDurableError(`Redis: ${name} is ${is}, not ${wanted}`);
    }
  } finally {
    client.disconnect();
  }
}

const FSYNCS = /^etcd_disk_wal_fsync_duration_seconds_count (\d+)/m;

/** Has an etcd write something. @throws NotDurableError unless it has synced its log by the time it answers */
export async function requireDurableEtcd(clientUrl: string): Promise<void> {
  const write = () =>
    text(`${clientUrl}/v3/kv/put`, {
      method: "POST",
      body: JSON.stringify({ key: "ZHVyYWJsZQ==" }),
    });
  const syncs = async () => Number(FSYNCS.exec(await text(`${clientUrl}/metrics`))?.[1] ?? 0);
  // What it syncs while it starts is over when it has answered once.
  await write();
  const before = await syncs();
  await write();
  if ((await syncs()) <= before) throw new NotDurableError("etcd: it does not sync its log");
}

/** Asks a NATS server how JetStream syncs. @throws NotDurableError unless it does so before each answer */
export async function requireDurableNats(monitorUrl: string): Promise<void> {
  const { jetstream } = JSON.parse(await text(`${monitorUrl}/varz`)) as {
    jetstream?: { config?: { sync_always?: boolean } };
  };
  if (jetstream?.config?.sync_always !== true)
    throw new NotDurableError("NATS JetStream: sync_interval is not always");
}

async function text(url: string, init: RequestInit = {}): Promise<string> {
  const response = await fetch(url, init);
  if (!response.ok) throw new Error(`${url} answers ${response.status}`);
  return await response.text();
}
