import { randomUUID } from "node:crypto";
import { Redis } from "ioredis";
import Redlock from "redlock";
import type { Contestant, Group, Sizes } from "../contestant.ts";
import { libraries } from "./program.ts";
import { startRedis } from "./redis-server.ts";

const TTL_MS = 15_000;

/** Redis that syncs its log before it answers: with redlock, and with the two commands redlock is made of. */
export async function redis({ callers, contending }: Sizes): Promise<Group> {
  const { port, version, stop } = await startRedis();
  const client = new Redis({ port, host: "127.0.0.1", lazyConnect: true });
  await client.connect();
  const contestants = [
    ...callers.map((count) => redlock(client, count, false)),
    ...callers.map((count) => raw(client, count)),
    redlock(client, contending, true),
  ];
  const close = async () => {
    client.disconnect();
    await stop();
  };
  return { version: `${version}, ${libraries("redlock", "ioredis")}`, contestants, close };
}

function redlock(client: Redis, callers: number, contended: boolean): Contestant {
  // A user who waits for a lock does not want to give up after ten attempts.
  const locks = new Redlock([client as never], { retryCount: contended ? -1 : 0 });
  const take = async (key: string) => {
    const lock = await locks.acquire([key], TTL_MS);
    return () => lock.unlock();
  };
  const cycle = async (caller: number) => {
    const release = await take(`redlock/${caller}`);
    await release();
  };
  const work = contended ? { contend: () => take("redlock/one") } : { cycle };
  return { name: "Redis, redlock", callers, contended, work };
}

const COMPARE_AND_DELETE =
  'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) else return 0 end';

function raw(client: Redis, callers: number): Contestant {
  client.defineCommand("compareAndDelete", { numberOfKeys: 1, lua: COMPARE_AND_DELETE });
  const commands = client as Redis & {
    compareAndDelete(key: string, value: string): Promise<number>;
  };
  const cycle = async (caller: number) => {
    const [key, value] = [`raw/${caller}`, randomUUID()];
    if ((await client.set(key, value, "PX", TTL_MS, "NX")) !== "OK") throw new Error("not granted");
    if ((await commands.compareAndDelete(key, value)) !== 1) throw new Error("not released");
  };
  return {
    name: "Redis, SET NX PX and compare-and-delete",
    callers,
    contended: false,
    work: { cycle },
  };
}
