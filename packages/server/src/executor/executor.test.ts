import type { Refusal, SessionCaller } from "@lockstep/core";
import { ErrorReason, type Event, KeyState, NamespaceRole } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { MemoryJournal } from "../journal/memory.ts";
import {
  acquireOp,
  getLockOp,
  getSessionOp,
  keepAliveOp,
  newWorld,
  openSession,
  releaseOp,
  type World,
  watched,
} from "./testing-support/world.ts";

const ALL = { kind: "all" } as const;
const PAGE = { maxRecords: 1_000, maxBytes: 1_000_000 };

async function eventsOf({ executor }: World): Promise<readonly Event[]> {
  return (await executor.history(0n, PAGE, ALL)).events;
}

async function grant(world: World, caller: SessionCaller, requestId: bigint, key: string) {
  const { reply } = world.executor.submit(acquireOp(caller, requestId, key));
  await world.clock.settle();
  const { outcome } = await reply;
  if (outcome.case !== "granted") throw new Error(`expected a grant, got ${outcome.case}`);
  return outcome.value;
}

function reasonOf(error: unknown): ErrorReason {
  return (error as Refusal).reason;
}

describe("executor: commits", () => {
  it("makes everything that arrives in one turn durable as one batch", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    const batchesBefore = world.executor.info().counters?.batches ?? 0n;
    const replies = [1n, 2n, 3n].map((id) =>
      watched(world.executor.submit(acquireOp(a, id, `key-${id}`)).reply),
    );
    await world.clock.settle();
    expect(replies.map(({ reply }) => reply?.outcome.case)).toEqual([
      "granted",
      "granted",
      "granted",
    ]);
    expect(world.executor.info().counters?.batches).toBe(batchesBefore + 1n);
  });

  it("lets no reply leave before its batch is durable", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    world.journal.hold();
    const acquired = watched(world.executor.submit(acquireOp(a, 1n, "k")).reply);
    await world.clock.settle();
    expect(acquired.state).toBe("open");
    world.journal.settleNext();
    await world.clock.settle();
    expect(acquired.reply?.outcome.case).toBe("granted");
  });

  it("decides the next batch while one is on its way, and answers in order", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    world.journal.hold();
    const first = watched(world.executor.submit(acquireOp(a, 1n, "k")).reply);
    await world.clock.settle();
    const second = watched(world.executor.submit(acquireOp(a, 2n, "k")).reply);
    const third = watched(world.executor.submit(acquireOp(a, 3n, "other")).reply);
    await world.clock.settle();
    expect(world.journal.pending).toBe(2);
    world.journal.settleNext();
    await world.clock.settle();
    // The denial made no event: it only had to wait for what was decided before it.
    expect([first.state, second.state, third.state]).toEqual(["resolved", "resolved", "open"]);
    world.journal.settleNext();
    await world.clock.settle();
    expect(second.reply?.outcome.case).toBe("denied");
    expect(third.reply?.outcome.case).toBe("granted");
  });

  it("keeps reads, repeats and refusals back until what was decided before them is durable", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    world.journal.hold();
    const original = watched(world.executor.submit(acquireOp(a, 1n, "k")).reply);
    await world.clock.settle();
    const read = watched(world.executor.submit(getLockOp("k")).reply);
    const repeat = watched(world.executor.submit(acquireOp(a, 1n, "k")).reply);
    const refusal = watched(world.executor.submit(acquireOp(a, 1n, "reused")).reply);
    const barrier = watched(world.executor.barrier());
    await world.clock.settle();
    const states = () => [original, read, repeat, refusal, barrier].map(({ state }) => state);
    expect(states()).toEqual(["open", "open", "open", "open", "open"]);
    world.journal.settleNext();
    await world.clock.settle();
    expect(states()).toEqual(["resolved", "resolved", "resolved", "rejected", "resolved"]);
    expect(read.reply?.lock?.state).toBe(KeyState.HELD);
    expect(reasonOf(refusal.error)).toBe(ErrorReason.REQUEST_ID_REUSED);
    expect(barrier.reply?.revision).toBe(original.reply?.header?.revision);
  });

  it("answers keep-alives while the disk stalls, with the durable revision", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    const durable = world.executor.header().revision;
    world.journal.hold();
    watched(world.executor.submit(acquireOp(a, 1n, "k")).reply);
    const renewed = watched(world.executor.submit(keepAliveOp(a, 7n)).reply);
    await world.clock.settle();
    expect(renewed.reply?.seq).toBe(7n);
    expect(renewed.reply?.header?.revision).toBe(durable);
  });

  it("shows events to watchers only when they are durable, without what only the journal may know", async () => {
    const world = await newWorld();
    const seen: Event[] = [];
    world.executor.onCommit(({ events }) => seen.push(...events));
    world.journal.hold();
    const opened = openSession(world);
    await world.clock.settle();
    expect(seen).toEqual([]);
    world.journal.resume();
    await opened;
    expect(seen.map(({ body }) => body.case)).toEqual(["sessionOpened"]);
    expect(seen.every(({ journalOnly }) => journalOnly === undefined)).toBe(true);
    expect((await eventsOf(world)).every(({ journalOnly }) => journalOnly === undefined)).toBe(
      true,
    );
  });
});

describe("executor: waits", () => {
  it("answers a waiter with the grant that the release before it made possible", async () => {
    const world = await newWorld();
    const [a, b] = [await openSession(world), await openSession(world)];
    const held = await grant(world, a, 1n, "k");
    const waiting = watched(world.executor.submit(acquireOp(b, 1n, "k", 60_000n)).reply);
    await world.clock.settle();
    expect(waiting.state).toBe("open");
    watched(world.executor.submit(releaseOp(a, 2n, held.holdId)).reply);
    await world.clock.settle();
    const outcome = waiting.reply?.outcome;
    if (outcome?.case !== "granted") throw new Error(`expected a grant, got ${outcome?.case}`);
    expect(outcome.value.token).toBeGreaterThan(held.token);
    expect(waiting.reply?.header?.revision).toBe(outcome.value.token);
  });

  it("lets a ticket wait on when nobody listens any more, and a repeat listen again", async () => {
    const world = await newWorld();
    const [a, b] = [await openSession(world), await openSession(world)];
    const held = await grant(world, a, 1n, "k");
    const first = world.executor.submit(acquireOp(b, 1n, "k", 60_000n));
    const gone = watched(first.reply);
    await world.clock.settle();
    first.abandon();
    const again = watched(world.executor.submit(acquireOp(b, 1n, "k", 60_000n)).reply);
    watched(world.executor.submit(releaseOp(a, 2n, held.holdId)).reply);
    await world.clock.settle();
    expect([gone.state, again.reply?.outcome.case]).toEqual(["open", "granted"]);
  });
});

describe("executor: time", () => {
  it("hears a renewal that lay unread before it decides an expiry", async () => {
    const world = await newWorld();
    const a = await openSession(world, 10_000n);
    world.clock.pass(10_500);
    world.clock.fireTimers();
    // The poll finds the renewal, which is handed on before the nominated tick.
    const renewed = watched(world.executor.submit(keepAliveOp(a)).reply);
    world.clock.poll();
    await world.clock.settle();
    expect(renewed.state).toBe("resolved");
    expect((await eventsOf(world)).some(({ body }) => body.case === "sessionEnded")).toBe(false);
  });

  it("adds a stall of the event loop to every deadline", async () => {
    const world = await newWorld();
    const a = await openSession(world, 10_000n);
    world.clock.stall(60_000);
    await world.clock.advance(9_900);
    const alive = watched(world.executor.submit(getSessionOp(a)).reply);
    await world.clock.settle();
    expect(alive.state).toBe("resolved");
    await world.clock.advance(200);
    const dead = watched(world.executor.submit(getSessionOp(a)).reply);
    await world.clock.settle();
    expect(reasonOf(dead.error)).toBe(ErrorReason.SESSION_EXPIRED);
  });

  it("lets a renewal wait for the outcome of an expiry that is on its way to the journal", async () => {
    const world = await newWorld();
    const a = await openSession(world, 10_000n);
    world.journal.hold();
    await world.clock.advance(10_000);
    const late = watched(world.executor.submit(keepAliveOp(a)).reply);
    await world.clock.settle();
    expect(late.state).toBe("open");
    world.journal.settleNext();
    await world.clock.settle();
    expect(reasonOf(late.error)).toBe(ErrorReason.SESSION_EXPIRED);
  });
});

describe("executor: failure", () => {
  it.each(["written", "not-written", "torn", "deposed"] as const)(
    "stops and leaves every outcome open when an append ends as %s",
    async (fault) => {
      const world = await newWorld();
      const [a, b] = [await openSession(world), await openSession(world)];
      await grant(world, a, 1n, "held");
      const waiting = watched(world.executor.submit(acquireOp(b, 1n, "held", 60_000n)).reply);
      await world.clock.settle();
      world.journal.failNext(fault);
      const pending = watched(world.executor.submit(acquireOp(a, 2n, "k")).reply);
      await world.clock.settle();
      const later = watched(world.executor.submit(getLockOp("k")).reply);
      await world.clock.settle();
      for (const { error } of [waiting, pending, later]) {
        expect(reasonOf(error)).toBe(ErrorReason.JOURNAL_FAILED);
      }
      expect(world.stopped).toHaveLength(1);
      expect(world.executor.info().role).toBe(NamespaceRole.STOPPED);
    },
  );

  it("answers nothing that was pending when it is closed", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    world.journal.hold();
    const pending = watched(world.executor.submit(acquireOp(a, 1n, "k")).reply);
    await world.clock.settle();
    world.executor.close();
    await world.clock.settle();
    expect(reasonOf(pending.error)).toBe(ErrorReason.SERVER_STOPPING);
    expect(world.stopped).toEqual([]);
  });
});

describe("executor: recovery", () => {
  it("begins an epoch, and keeps holds, waiters in order, and outcomes", async () => {
    const before = await newWorld();
    const sessions = [
      await openSession(before),
      await openSession(before),
      await openSession(before),
    ];
    const [a, b, c] = sessions as [SessionCaller, SessionCaller, SessionCaller];
    const held = await grant(before, a, 1n, "k");
    for (const caller of [b, c])
      watched(before.executor.submit(acquireOp(caller, 1n, "k", 60_000n)).reply);
    await before.clock.settle();
    const { epoch, revision } = before.executor.header();

    const after = await newWorld({ journal: before.journal.crash() });
    expect(after.executor.header()).toMatchObject({ epoch: epoch + 1n, revision: revision + 1n });
    expect(await grant(after, a, 1n, "k")).toMatchObject({
      holdId: held.holdId,
      token: held.token,
    });
    const [second, third] = [b, c].map((caller) =>
      watched(after.executor.submit(acquireOp(caller, 1n, "k", 60_000n)).reply),
    );
    watched(after.executor.submit(releaseOp(a, 2n, held.holdId)).reply);
    await after.clock.settle();
    expect([second?.reply?.outcome.case, third?.state]).toEqual(["granted", "open"]);
  });

  it("gives every session its full time to live from the start, not from the crash", async () => {
    const before = await newWorld();
    const a = await openSession(before, 10_000n);
    await before.clock.advance(9_000);
    const after = await newWorld({ journal: before.journal.crash(), clock: before.clock });
    await after.clock.advance(9_900);
    const alive = watched(after.executor.submit(getSessionOp(a)).reply);
    await after.clock.settle();
    expect(alive.state).toBe("resolved");
  });

  it("refuses until it is started", async () => {
    const { executor, clock } = await newWorld({ started: false });
    const refused = watched(executor.submit(getLockOp("k")).reply);
    await clock.settle();
    expect(reasonOf(refused.error)).toBe(ErrorReason.RECOVERING);
    expect(executor.info().role).toBe(NamespaceRole.RECOVERING);
  });

  it("grants nothing in a new lineage before its pause is over, and shows no older history", async () => {
    const before = await newWorld();
    const a = await openSession(before, 3_600_000n);
    const position = { revision: 10_000n, epoch: 50n };
    const journal = before.journal.crash({ newLineage: position });
    const after = await newWorld({ journal, lineage: { ...position, grantPauseMs: 5_000 } });
    expect(after.executor.header()).toMatchObject({ epoch: 50n, revision: 10_000n });
    const waiting = watched(after.executor.submit(acquireOp(a, 1n, "k", 60_000n)).reply);
    await after.clock.advance(4_900);
    expect(waiting.state).toBe("open");
    await after.clock.advance(200);
    expect(waiting.reply?.outcome.case).toBe("granted");
    const compacted = watched(after.executor.history(1n, PAGE, ALL));
    await after.clock.settle();
    expect(reasonOf(compacted.error)).toBe(ErrorReason.REVISION_COMPACTED);
    expect((await eventsOf(after))[0]?.revision).toBe(10_000n);
  });

  it("begins the first epoch of an empty journal at revision 1", async () => {
    const world = await newWorld({ journal: new MemoryJournal() });
    expect(world.executor.header()).toMatchObject({ epoch: 1n, revision: 1n });
  });
});
