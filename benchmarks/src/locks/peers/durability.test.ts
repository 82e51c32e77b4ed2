import { once } from "node:events";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { Redis } from "ioredis";
import { afterEach, describe, expect, it } from "vitest";
import { PeerMissingError } from "../contestant.ts";
import { requireDurableEtcd, requireDurableNats, requireDurableRedis } from "./durability.ts";
import { versionOf } from "./program.ts";
import { startRedis } from "./redis-server.ts";

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.close();
});

/** A server of HTTP that answers as told. @returns its URL */
async function answering(answer: (path: string) => string): Promise<string> {
  const server = createServer(({ url = "" }, response) => response.end(answer(url)));
  servers.push(server.listen(0, "127.0.0.1"));
  await once(server, "listening");
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function hasRedis(): boolean {
  try {
    return versionOf("redis-server") !== "";
  } catch (error) {
    if (error instanceof PeerMissingError) return false;
    throw error;
  }
}

it.skipIf(!hasRedis())(
  "Redis is refused by name when it does not sync before it answers",
  async () => {
    const { port, stop } = await startRedis();
    const client = new Redis({ port, host: "127.0.0.1" });
    try {
      await requireDurableRedis(port);
      await client.config("SET", "appendfsync", "everysec");
      await expect(requireDurableRedis(port)).rejects.toThrow(
        "Redis: appendfsync is everysec, not always",
      );
      await client.config("SET", "appendonly", "no");
      await expect(requireDurableRedis(port)).rejects.toThrow("Redis: appendonly is no, not yes");
    } finally {
      client.disconnect();
      await stop();
    }
  },
);

describe("etcd is refused by name", () => {
  /** An etcd that has synced its log three times while it started. */
  const etcd = (syncsPerWrite: number) => {
    let syncs = 3;
    return answering((path) => {
      if (path === "/v3/kv/put") syncs += syncsPerWrite;
      return path === "/metrics" ? `etcd_disk_wal_fsync_duration_seconds_count ${syncs}\n` : "{}";
    });
  };

  it("when a write brings no sync", async () => {
    await requireDurableEtcd(await etcd(1));
    await expect(requireDurableEtcd(await etcd(0))).rejects.toThrow("etcd: it does not sync");
  });

  it("when it does not tell of syncs", async () => {
    await expect(requireDurableEtcd(await answering(() => ""))).rejects.toThrow(
      "etcd: it does not",
    );
  });
});

it("JetStream is refused by name when it does not sync before it answers", async () => {
  const nats = (config: object) => answering(() => JSON.stringify({ jetstream: { config } }));
  await requireDurableNats(await nats({ sync_always: true }));
  for (const config of [{ sync_interval: 120_000_000_000 }, { sync_always: false }])
    await expect(requireDurableNats(await nats(config))).rejects.toThrow(
      "NATS JetStream: sync_int",
    );
});
