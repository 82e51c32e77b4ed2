import { ErrorReason, type Event, KeyState } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { BATCH_EVENTS_MAX } from "./batch.ts";
import { COMMITS_UNDER_WAY_MAX } from "./executor.ts";
import {
  acquireOp,
  eventsOf,
  getLockOp,
  grant,
  keepAliveOp,
  newWorld,
  openSession,
  reasonOf,
  releaseOp,
  watched,
} from "./testing-support/world.ts";

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

  it("sends what fills a batch on its way, and the rest of the turn as the next", async () => {
    const world = await newWorld();
    const sessions = await Promise.all([1, 2, 3].map(() => openSession(world)));
    const before = world.executor.info();
    for (let at = 0; at <= BATCH_EVENTS_MAX; at++) {
      const session = sessions[at % sessions.length] as (typeof sessions)[number];
      world.executor.submit(acquireOp(session, BigInt(at + 1), `key-${at}`));
    }
    await world.clock.settle();
    const after = world.executor.info();
    expect(after.revision).toBe(before.revision + BigInt(BATCH_EVENTS_MAX) + 1n);
    expect(after.counters?.batches).toBe((before.counters?.batches ?? 0n) + 2n);
  });

  it("lets no reply leave before its batch is durable [GEN-20]", async () => {
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

  it("keeps reads, repeats and refusals back until what was decided before them is durable [GEN-21]", async () => {
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

  it("answers keep-alives while the disk stalls, with the durable revision [SES-33, GEN-13]", async () => {
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

  it("decides nothing but renewals while too many batches are under way, and the rest in order after [SES-33]", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    world.journal.hold();
    const replies = [];
    for (let id = 1n; id <= COMMITS_UNDER_WAY_MAX + 10; id++) {
      replies.push(watched(world.executor.submit(acquireOp(a, id, `key-${id}`)).reply));
      await world.clock.settle();
    }
    expect(world.journal.pending).toBe(COMMITS_UNDER_WAY_MAX);
    const renewed = watched(world.executor.submit(keepAliveOp(a)).reply);
    await world.clock.settle();
    expect(renewed.state).toBe("resolved");
    world.journal.resume();
    await world.clock.settle();
    const tokens = replies.map(({ reply }) => {
      if (reply?.outcome.case !== "granted") throw new Error("expected a grant");
      return reply.outcome.value.token;
    });
    expect(tokens).toEqual([...tokens].sort((x, y) => Number(x - y)));
  });

  it("shows events to watchers only when they are durable, without what only the journal may know [GEN-24, LOCK-162]", async () => {
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

  it("lets a ticket wait on when nobody listens any more, and a repeat listen again [SES-79]", async () => {
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
