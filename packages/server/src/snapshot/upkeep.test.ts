import { expect, test } from "vitest";
import { ManualClock } from "../executor/testing-support/manual-clock.ts";
import type { JournalSnapshot } from "../journal/journal.ts";
import { MemoryJournal } from "../journal/memory.ts";
import type { SnapshotMaker } from "./maker.ts";
import type { StateSource } from "./rebuild.ts";
import { eventBatch } from "./testing-support/event-batch.ts";
import { type LiveObjects, lookForOldMs, retryMs, Upkeep, type UpkeepPolicy } from "./upkeep.ts";

/** A maker whose snapshots say up to where they reach. */
class CountingMaker implements SnapshotMaker {
  readonly made: bigint[] = [];
  failure: Error | undefined;
  bytes = 100;
  closed = false;

  async make(
    { snapshot, pages }: StateSource,
    use: (snapshot: JournalSnapshot) => Promise<void>,
  ): Promise<void> {
    let revision = snapshot?.revision ?? 0n;
    for await (const page of pages) revision = page.at(-1)?.revision ?? revision;
    if (this.failure !== undefined) throw this.failure;
    this.made.push(revision);
    await use({ revision, epoch: 1n, chunks: [new Uint8Array(this.bytes)] });
  }

  close(): void {
    this.closed = true;
  }
}

const POLICY: UpkeepPolicy = {
  snapshotEvents: 10,
  historyEvents: 5,
  historyAgeMs: Number.MAX_SAFE_INTEGER,
};

/** So many objects, of all kinds together. */
function live(count: number): LiveObjects {
  const none = { size: 0 };
  return {
    sessions: { size: count % 3 },
    holds: { size: count - (count % 3) },
    tickets: none,
    delays: none,
  };
}

function newWorld(policy: Partial<UpkeepPolicy> = {}, journal = new MemoryJournal()) {
  const clock = new ManualClock();
  const maker = new CountingMaker();
  const notices: string[] = [];
  const failed: Error[] = [];
  const upkeep = new Upkeep({
    policy: { ...POLICY, ...policy },
    maker,
    onNotice: (sentence) => notices.push(sentence),
    journal,
    clock,
    minFreeBytes: 1_000,
    eventsSinceSnapshot: 0,
  });
  upkeep.start((error) => failed.push(error));
  /** Events become durable, and the upkeep hears of it. */
  const commit = async (count: number, liveObjects = 0) => {
    const { tail } = journal.state();
    await journal.append(tail, eventBatch(tail + 1n, new Array(count).fill(clock.unixMs())));
    upkeep.committed(count, live(liveObjects));
    await clock.settle();
  };
  return { clock, maker, notices, failed, upkeep, journal, commit };
}

test("a snapshot is made after so many events, and what nobody wants is dropped", async () => {
  const { maker, journal, commit } = newWorld();
  await commit(9);
  expect(maker.made).toEqual([]);
  await commit(1);
  expect(maker.made).toEqual([10n]);
  expect(journal.state()).toMatchObject({ snapshot: 10n, floor: 5n, base: 5n });
  await commit(9);
  await commit(1);
  expect(maker.made).toEqual([10n, 20n]);
  expect(journal.state()).toMatchObject({ snapshot: 20n, floor: 15n });
});

test("with more live objects than that, after as many events as there are objects", async () => {
  const { maker, commit } = newWorld();
  await commit(10, 25);
  await commit(14, 25);
  expect(maker.made).toEqual([]);
  await commit(1, 25);
  expect(maker.made).toEqual([25n]);
});

test("with a large snapshot, after as many events as are about as large", async () => {
  const { maker, commit } = newWorld();
  maker.bytes = 25 * 256;
  await commit(10);
  await commit(24);
  expect(maker.made).toEqual([10n]);
  await commit(1);
  expect(maker.made).toEqual([10n, 35n]);
});

test("what follows the snapshot is kept whatever history is wanted [REC-13]", async () => {
  const { journal, commit } = newWorld({ historyEvents: 0 });
  await commit(10);
  await commit(7);
  expect(journal.state()).toMatchObject({ floor: 10n, snapshot: 10n, tail: 17n });
});

test("events that come while a snapshot is made count for the next one", async () => {
  const { maker, journal, commit } = newWorld();
  journal.hold("writeSnapshot");
  await commit(10);
  await commit(8);
  expect(maker.made).toEqual([10n]);
  journal.resume();
  await commit(1);
  expect(maker.made).toEqual([10n]);
  await commit(1);
  expect(maker.made).toEqual([10n, 20n]);
});

test("when enough came meanwhile, the next one is made at once", async () => {
  const { clock, maker, journal, commit } = newWorld();
  journal.hold("writeSnapshot");
  await commit(10);
  await commit(15);
  journal.resume();
  await clock.settle();
  expect(maker.made).toEqual([10n, 25n]);
});

test("a snapshot that cannot be made is told and tried again, ever more seldom", async () => {
  const { clock, maker, notices, failed, journal, commit } = newWorld();
  maker.failure = new Error("out of memory");
  await commit(10);
  expect(notices).toEqual([expect.stringContaining("out of memory")]);
  await commit(10);
  expect(notices).toHaveLength(1);
  await clock.advance(retryMs.first);
  expect(notices).toHaveLength(2);
  await clock.advance(retryMs.first);
  expect(notices).toHaveLength(2);
  for (let times = 0; times < 20; times += 1) await clock.advance(retryMs.max);
  expect(notices).toHaveLength(22);
  expect(notices.at(-1)).toContain(`${retryMs.max / 1_000} s`);
  maker.failure = undefined;
  await clock.advance(retryMs.max);
  expect(journal.state()).toMatchObject({ snapshot: 20n, floor: 15n });
  expect(failed).toEqual([]);
  maker.failure = new Error("once more");
  await commit(10);
  expect(notices.at(-1)).toContain(`${retryMs.first / 1_000} s`);
});

test("no snapshot is begun where the disk has too little room for it", async () => {
  let freeBytes = 1_000;
  const journal = Object.assign(new MemoryJournal(), { freeBytes: async () => freeBytes });
  const { clock, maker, notices, commit } = newWorld({}, journal as never);
  await commit(10, 4);
  expect(notices).toEqual([expect.stringContaining("1000 bytes are free")]);
  expect(maker.made).toEqual([]);
  freeBytes = 1_000_000;
  await clock.advance(retryMs.first);
  expect(maker.made).toEqual([10n]);
});

test.each(["writeSnapshot", "readSnapshot", "read", "compact"] as const)(
  "a journal that fails in %s is no case for another attempt",
  async (call) => {
    const { clock, notices, failed, journal, commit } = newWorld();
    journal.failNext("not-written", call);
    await commit(10);
    expect(failed).toHaveLength(1);
    expect(notices).toEqual([]);
    await clock.advance(retryMs.max);
    expect(failed).toHaveLength(1);
  },
);

test("history that is too old goes though little happens", async () => {
  const { clock, maker, journal, commit } = newWorld({
    historyEvents: 100,
    historyAgeMs: 4 * lookForOldMs.most,
    snapshotEvents: 1_000,
  });
  await commit(8);
  for (let looks = 0; looks < 4; looks += 1) await clock.advance(lookForOldMs.most);
  expect(journal.state().floor).toBe(0n);
  await clock.advance(lookForOldMs.most);
  expect(maker.made).toEqual([8n]);
  expect(journal.state()).toMatchObject({ floor: 8n, snapshot: 8n });
});

test("looks for old history no more often than it must, however short history is kept", async () => {
  const { clock, maker, commit } = newWorld({ historyAgeMs: 0, snapshotEvents: 1_000 });
  await commit(3);
  await clock.advance(lookForOldMs.least - 1);
  expect(maker.made).toEqual([]);
  await clock.advance(1);
  expect(maker.made).toEqual([3n]);
});

test("once it is closed it does nothing more, and nothing that was under way is told", async () => {
  const { clock, maker, notices, failed, journal, upkeep, commit } = newWorld();
  journal.hold("writeSnapshot");
  await commit(10);
  upkeep.close();
  expect(maker.closed).toBe(true);
  journal.crash();
  await clock.advance(lookForOldMs.most);
  upkeep.committed(100, live(0));
  await clock.settle();
  expect([notices, failed, maker.made]).toEqual([[], [], [10n]]);
});
