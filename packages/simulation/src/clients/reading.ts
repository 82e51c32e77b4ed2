import type { World } from "../run/world.ts";
import type { Life } from "./client-host.ts";

/** Reads something once. What the server answers is checked where it leaves. */
export async function readOnce(world: World, life: Life, what: string, key: string): Promise<void> {
  const { client } = life;
  switch (what) {
    case "getLock":
      await client.getLock(key);
      return;
    case "listLocks":
      await client.listLocks();
      return;
    case "listSessions":
      await client.listSessions({ includeEnded: true });
      return;
    case "waitGraph":
      await client.admin.waitGraph();
      return;
    case "checkFence": {
      const { lock } = await client.getLock(key);
      const token = lock?.holders[0]?.token ?? 1n;
      await client.checkFence(key, token);
      return;
    }
    default:
      return listAll(world, life);
  }
}

async function listAll(world: World, { client }: Life): Promise<void> {
  const { history } = world.checker;
  const { rewinds } = history;
  let after = 0n;
  for (let pages = 0; pages < 100; pages++) {
    const page = await client.listEvents({ afterRevision: after, pageSize: 20 });
    const upTo = page.nextAfterRevision;
    // "From the beginning" is from the oldest that is kept.
    const from = after === 0n ? (page.events[0]?.revision ?? 1n) - 1n : after;
    if (rewinds !== history.rewinds) return;
    world.checker.watch(() => world.checker.readings.events(page.events, from, upTo, () => true));
    after = upTo;
    if (!page.more) return;
  }
}
