import { create } from "@bufbuild/protobuf";
import { ErrorReason, NamespaceRole, OpenSessionRequestSchema } from "@lockstep/protocol";
import { describe, expect, it, vi } from "vitest";
import { COMMITS_UNDER_WAY_MAX } from "./executor.ts";
import {
  acquireOp,
  eventsOf,
  getLockOp,
  getSessionOp,
  grant,
  keepAliveOp,
  newWorld,
  openSession,
  reasonOf,
  type World,
  watched,
} from "./testing-support/world.ts";

describe("executor: time", () => {
  it("hears a renewal that lay unread before it decides an expiry [SES-42]", async () => {
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

  it("adds a stall of the event loop to every deadline [SES-44, SES-40]", async () => {
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

  it("lets a renewal wait for the outcome of an expiry that is on its way to the journal [SES-43]", async () => {
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
  it("asks for no more looks at what is due while one waits for a journal that stalls", async () => {
    const world = await newWorld();
    await openSession(world, 10_000n);
    world.journal.hold();
    for (let at = 0; at < COMMITS_UNDER_WAY_MAX; at++) await openedLater(world);
    const polls = vi.spyOn(world.clock, "afterPoll");
    for (let at = 0; at < 20; at++) await world.clock.advance(10_000);
    expect(polls).toHaveBeenCalledTimes(1);
    while (world.journal.pending > 0) {
      world.journal.settleNext();
      await world.clock.settle();
    }
    const ended = (await eventsOf(world)).filter(({ body }) => body.case === "sessionEnded");
    expect(ended.length).toBeGreaterThan(0);
  });

  it("lets nobody who fails at taking a reply keep the other replies of a batch back", async () => {
    const world = await newWorld();
    const a = await openSession(world);
    const mistakes: unknown[] = [];
    const surfaced = vi.spyOn(globalThis, "queueMicrotask").mockImplementation((fn) => {
      try {
        fn();
      } catch (error) {
        mistakes.push(error);
      }
    });
    const mistake = new Error("a mistake of whoever takes the reply");
    const taken = () => {
      throw mistake;
    };
    world.executor.submit(acquireOp(a, 1n, "k")).settle(taken, taken);
    const other = watched(world.executor.submit(acquireOp(a, 2n, "other")).reply);
    world.executor.submit(keepAliveOp(a)).settle(taken, taken);
    await world.clock.settle();
    surfaced.mockRestore();
    expect(other.reply?.outcome.case).toBe("granted");
    expect(mistakes).toEqual([mistake, mistake]);
    expect(world.stopped).toEqual([]);
  });

  it.each(["written", "not-written", "torn", "deposed"] as const)(
    "stops and leaves every outcome open when an append ends as %s [REC-46]",
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

/** Asks for a session whose opening the journal does not settle. */
async function openedLater({ executor, clock }: World): Promise<void> {
  const request = create(OpenSessionRequestSchema, { namespace: "default", ttlMs: 10_000n });
  const secretSha256 = crypto.getRandomValues(new Uint8Array(32));
  watched(
    executor.submit<"openSession">({ kind: "openSession", principal: "p", secretSha256, request })
      .reply,
  );
  await clock.settle();
}
