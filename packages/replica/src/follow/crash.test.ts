import { describe, expect, test } from "vitest";
import type { AppliedChange } from "../apply/applied-change.ts";
import { MemoryStore } from "../store/memory.ts";
import type { MemoryUser } from "../store/memory-tx.ts";
import { del, put } from "../testing-support/fake-log.ts";
import { expectEqual, until, type World, world } from "../testing-support/world.ts";

/** Ends a process: nothing of it goes on. */
class Crash extends Error {}

/** A store that dies at its `crashAt`th commit, before or after it. */
function dyingStore() {
  const died = { commits: 0, crashAt: Number.POSITIVE_INFINITY, after: false, isDead: false };
  const hooks = {
    beforeCommit: () => {
      died.commits += 1;
      if (died.isDead) throw new Crash();
      if (died.commits !== died.crashAt || died.after) return;
      died.isDead = true;
      throw new Crash();
    },
    afterCommit: () => {
      if (died.commits !== died.crashAt || !died.after) return;
      died.isDead = true;
      throw new Crash();
    },
  };
  return { store: new MemoryStore(hooks), died };
}

/** Counts each change in the user's own table: one that is applied twice, or lost, shows. */
function count(change: AppliedChange, tx: MemoryUser): void {
  const name = `${change.seq}`;
  if (change.cause === "TAIL") tx.set(name, ((tx.get(name) as number | undefined) ?? 0) + 1);
}

/** What every life of the replica goes through: a snapshot of many chunks with a tail, then batches of all kinds. */
function history({ authority }: World): void {
  for (let at = 0; at < 8; at += 1) authority.append(put(`k${at}`, "1"));
  let chunks = 0;
  authority.beforeChunk = () => {
    chunks += 1;
    if (chunks === 2) authority.append(put("k0", "2"), del("k7"));
    if (chunks === 3) authority.append(put("k7", "3"));
  };
}

const LATER = [[put("k1", "4"), del("k2")], [put("k9", "1")], [del("k9")], [put("k2", "5")]];

async function live(here: World, at: number, after: boolean): Promise<boolean> {
  const { clock, authority, start } = here;
  const { store, died } = dyingStore();
  Object.assign(died, { crashAt: at, after });
  history(here);
  authority.batchesPerMessage = 1;
  const first = start({ store, apply: count });
  await until(clock, () => died.isDead || first.status().state === "LIVE");
  const snapshotSeq = authority.log.head.seq;
  for (const writes of LATER) {
    authority.append(...writes);
    await until(clock, () => died.isDead || first.status().appliedSeq === authority.log.head.seq);
  }
  const crashed = died.isDead;
  await first.close();
  died.isDead = false;
  died.crashAt = Number.POSITIVE_INFINITY;
  const second = start({ store, apply: count });
  await expectEqual(here, second);
  await second.close();
  for (const [seq, times] of store.user) {
    expect(times, `change ${seq}`).toBe(1);
    expect(BigInt(seq) <= authority.log.head.seq).toBe(true);
  }
  // What came after the snapshot came one by one, unless the crash was before that.
  if (!crashed) expect(store.user.size).toBe(Number(authority.log.head.seq - snapshotSeq));
  return crashed;
}

describe.each([
  ["before", false],
  ["after", true],
])("a replica that dies just %s a commit", (_, after) => {
  test("goes on from there, whichever commit and chunk it was, and applies each change once [REP-70] [REP-71]", async () => {
    let crashes = 0;
    for (let at = 1; ; at += 1) {
      const crashed = await live(world(), at, after);
      if (!crashed) break;
      crashes += 1;
    }
    // Beginning, chunks, end and tail of the snapshot, publishing, and each batch.
    expect(crashes).toBeGreaterThan(10);
  });

  test("takes over the snapshot it had begun, though nothing is written any more [REP-58]", async () => {
    for (let at = 1; ; at += 1) {
      const here = world();
      const { clock, authority, start } = here;
      const { store, died } = dyingStore();
      Object.assign(died, { crashAt: at, after });
      history(here);
      authority.batchesPerMessage = 1;
      const first = start({ store });
      await until(clock, () => died.isDead || first.status().state === "LIVE");
      const crashed = died.isDead;
      await first.close();
      if (!crashed) break;
      Object.assign(died, { isDead: false, crashAt: Number.POSITIVE_INFINITY });
      const second = start({ store });
      await until(clock, () => second.status().state === "LIVE");
      await expectEqual(here, second);
      await second.close();
      expect(authority.requests("register")).toHaveLength(2);
    }
  });
});
