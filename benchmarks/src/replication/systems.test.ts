import { describe, expect, it } from "vitest";
import { PeerMissingError } from "../locks/contestant.ts";
import { within } from "../time.ts";
import { Deliveries } from "./streams.ts";
import type { Follow, System } from "./system.ts";
import { systemsNamed } from "./systems.ts";

const ARRIVAL_MS_MAX = 60_000;
const value = new Uint8Array(200);
const batch = Array.from({ length: 100 }, (_, at) => ({ key: `0/${at}`, value }));
const keys = batch.map(({ key }) => key);

// The others are built from their modules, which takes minutes.
describe.each(Object.entries(systemsNamed(["lockstep", "redis-streams"])))("%s", (_, start) => {
  it("delivers each change once and in its order, from the beginning or from now on", async () => {
    const system = await started(start);
    if (system === undefined) return;
    try {
      const log = await system.open("one");
      await log.append([{ key: "0/before", value }]);
      let before = 1;
      for (const follow of Object.values(log.followers)) {
        const fromBeginning = await collect(follow, "beginning", before + batch.length);
        const fromEnd = await collect(follow, "end", batch.length);
        await log.append(batch);
        expect((await fromBeginning.all()).slice(before)).toEqual(keys);
        expect(await fromEnd.all()).toEqual(keys);
        before += batch.length;
      }
      for (const read of Object.values(log.snapshots)) expect(await read()).toBe(1 + batch.length);
    } finally {
      await system.close();
    }
  });
});

async function started(start: () => Promise<System>): Promise<System | undefined> {
  try {
    return await start();
  } catch (error) {
    if (error instanceof PeerMissingError) return undefined;
    throw error;
  }
}

async function collect(follow: Follow, from: "beginning" | "end", count: number) {
  const seen: string[] = [];
  const deliveries = new Deliveries();
  const follower = await follow(from, (key) => {
    seen.push(key);
    deliveries.one();
  });
  return {
    all: async () => {
      await within(ARRIVAL_MS_MAX, `the arrival of ${count} changes`, deliveries.reach(count));
      await follower.stop();
      return seen;
    },
  };
}
