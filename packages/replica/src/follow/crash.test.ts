import { afterEach, describe, expect, test } from "vitest";
import { type DyingStore, dyingStores, type Fate } from "../testing-support/dying-store.ts";
import { del, put } from "../testing-support/fake-log.ts";
import { expectEqual, until, type World, world } from "../testing-support/world.ts";

const stores: DyingStore[] = [];
afterEach(() => {
  for (const store of stores.splice(0)) store.remove();
});

type Kind = (typeof dyingStores)[keyof typeof dyingStores];

/** A store with its fate, removed with the test. */
function doomed(kind: Kind, fate: Fate): DyingStore {
  const store = kind(fate);
  stores.push(store);
  return store;
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

async function live(here: World, store: DyingStore): Promise<boolean> {
  const { clock, authority } = here;
  history(here);
  authority.batchesPerMessage = 1;
  const first = store.start(here, { counts: true });
  await until(clock, () => store.isDead || first.status().state === "LIVE");
  const snapshotSeq = authority.log.head.seq;
  for (const writes of LATER) {
    authority.append(...writes);
    await until(clock, () => store.isDead || first.status().appliedSeq === authority.log.head.seq);
  }
  const crashed = store.isDead;
  await first.close();
  const second = store.start(here, { counts: true });
  await expectEqual(here, second);
  await second.close();
  const applied = store.applied();
  for (const [seq, times] of applied) {
    expect(times, `change ${seq}`).toBe(1);
    expect(BigInt(seq) <= authority.log.head.seq).toBe(true);
  }
  // What came after the snapshot came one by one, unless the crash was before that.
  if (!crashed) expect(applied.size).toBe(Number(authority.log.head.seq - snapshotSeq));
  return crashed;
}

/** Who begins anew has lost what it had committed; nothing was before the first commit. */
function expectGoneOn({ authority }: World, { crashAt, after }: Fate): void {
  const anew = authority.requests("subscribe").filter(({ start }) => start === undefined);
  expect(anew).toHaveLength(crashAt === 1 && !after ? 2 : 1);
}

const KINDS = Object.entries(dyingStores);

describe.each(
  KINDS.flatMap(([name, kind]) => [
    { name, kind, when: "before", after: false },
    { name, kind, when: "after", after: true },
  ]),
)("a replica on $name that dies just $when a commit", ({ kind, after }) => {
  test("goes on from there, whichever commit and chunk it was, and applies each change once [REP-70] [REP-71]", async () => {
    let crashes = 0;
    for (let crashAt = 1; ; crashAt += 1) {
      const here = world();
      const crashed = await live(here, doomed(kind, { crashAt, after }));
      expectGoneOn(here, { crashAt, after });
      if (!crashed) break;
      crashes += 1;
    }
    // Beginning, chunks, end and tail of the snapshot, publishing, and each batch.
    expect(crashes).toBeGreaterThan(10);
  });

  test("takes over the snapshot it had begun, though nothing is written any more [REP-58]", async () => {
    for (let crashAt = 1; ; crashAt += 1) {
      const here = world();
      const { clock, authority } = here;
      const store = doomed(kind, { crashAt, after });
      history(here);
      authority.batchesPerMessage = 1;
      const first = store.start(here);
      await until(clock, () => store.isDead || first.status().state === "LIVE");
      const crashed = store.isDead;
      await first.close();
      if (!crashed) break;
      const second = store.start(here);
      await until(clock, () => second.status().state === "LIVE");
      await expectEqual(here, second);
      await second.close();
      expectGoneOn(here, { crashAt, after });
      expect(authority.requests("register")).toHaveLength(2);
    }
  });
});
