import type { SessionCaller } from "@lockstep/core";
import { ErrorReason, NamespaceRole } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { MemoryJournal } from "../journal/memory.ts";
import {
  ALL,
  acquireOp,
  eventsOf,
  getLockOp,
  getSessionOp,
  grant,
  newWorld,
  openSession,
  PAGE,
  reasonOf,
  releaseOp,
  watched,
} from "./testing-support/world.ts";

describe("executor: recovery", () => {
  it("begins an epoch, and keeps holds, waiters in order, and outcomes [REC-1, REC-5, REC-6, GEN-70]", async () => {
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

  it("gives every session its full time to live from the start, not from the crash [REC-8]", async () => {
    const before = await newWorld();
    const a = await openSession(before, 10_000n);
    await before.clock.advance(9_000);
    const after = await newWorld({ journal: before.journal.crash(), clock: before.clock });
    await after.clock.advance(9_900);
    const alive = watched(after.executor.submit(getSessionOp(a)).reply);
    await after.clock.settle();
    expect(alive.state).toBe("resolved");
  });

  it("refuses until it is started [REC-4]", async () => {
    const { executor, clock } = await newWorld({ started: false });
    const refused = watched(executor.submit(getLockOp("k")).reply);
    await clock.settle();
    expect(reasonOf(refused.error)).toBe(ErrorReason.RECOVERING);
    expect(executor.info().role).toBe(NamespaceRole.RECOVERING);
  });

  it("grants nothing in a new lineage before its pause is over, and shows no older history [REC-33, REC-32, REC-31]", async () => {
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
