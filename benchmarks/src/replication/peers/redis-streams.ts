import { Redis } from "ioredis";
import { libraries } from "../../locks/peers/program.ts";
import { startRedis } from "../../locks/peers/redis-server.ts";
import type { ChangeLog, Follow, OnChange, System } from "../system.ts";

const CHANGES_PER_READ = 1_000;
const FROM_THE_START = "0-0";

/** Redis Streams, each answer after its sync: XADD, several in one transaction, and XREAD that waits. */
export async function redisStreams(): Promise<System> {
  const { port, version, stop } = await startRedis();
  const connection = async () => {
    const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true });
    await client.connect();
    return client;
  };
  const writer = await connection();
  return {
    name: "Redis Streams",
    version: `${version}, ${libraries("ioredis")}`,
    open: async (name) => logOf(name, writer, connection),
    close: async () => {
      writer.disconnect();
      await stop();
    },
  };
}

function logOf(name: string, writer: Redis, connection: () => Promise<Redis>): ChangeLog {
  const follow: Follow = async (from, onChange) => {
    const client = await connection();
    const last = from === "end" ? await client.xrevrange(name, "+", "-", "COUNT", 1) : [];
    // It ends when its connection does.
    void readOn(client, name, last[0]?.[0] ?? FROM_THE_START, onChange).catch(() => undefined);
    return { stop: async () => client.disconnect() };
  };
  return {
    append: async (entries) => {
      const [only] = entries;
      if (entries.length === 1 && only !== undefined) {
        await writer.xadd(name, "*", "k", only.key, "v", only.value as Buffer);
        return;
      }
      const transaction = writer.multi();
      for (const { key, value } of entries) {
        transaction.xadd(name, "*", "k", key, "v", value as Buffer);
      }
      const replies = await transaction.exec();
      const failed = replies?.find(([error]) => error !== null);
      if (failed !== undefined) throw failed[0];
    },
    followers: { XREAD: follow },
    snapshots: {},
  };
}

async function readOn(client: Redis, name: string, after: string, onChange: OnChange) {
  for (let cursor = after; ; ) {
    const read = await client.xread("COUNT", CHANGES_PER_READ, "BLOCK", 0, "STREAMS", name, cursor);
    for (const [id, fields] of read?.[0]?.[1] ?? []) {
      cursor = id;
      onChange(fields[1] ?? "");
    }
  }
}
