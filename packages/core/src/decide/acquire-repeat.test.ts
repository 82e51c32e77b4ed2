import { DeniedReason, ErrorReason } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { getLock, open, refused } from "../testing-support/client.ts";
import { World, type WorldOptions } from "../testing-support/world.ts";

function pair(options: WorldOptions = {}) {
  const world = new World(options);
  return { world, ann: open(world), ben: open(world) };
}

describe("Acquire with an id that was used before", () => {
  it("gives the same grant, also when the hold is over [GEN-62, LOCK-3]", () => {
    const { world, ann } = pair();
    const first = ann.acquire("a", { requestId: 1n });
    const { revision } = world.state;
    expect(ann.acquire("a", { requestId: 1n })).toEqual(first);
    expect(world.state.revision).toBe(revision);
    if (first.case === "granted") ann.release(first, { requestId: 2n });
    expect(ann.acquire("a", { requestId: 1n })).toEqual(first);
    expect(getLock(world, "a").holders).toEqual([]);
  });

  it("continues the same wait, counted from the first arrival [GEN-64]", () => {
    const { world, ann, ben } = pair();
    ann.lock("a");
    const again = { requestId: 1n, waitMs: 1_000 };
    const ticketId = ben.queue("a", again);
    world.advance(600);
    expect(ben.acquire("a", again)).toEqual({ case: "waiting", ticketId });
    expect(ben.acquire("a", { ...again, answerQueued: true, pollTimeoutMs: 7 })).toMatchObject({
      case: "queued",
      ticketId,
      waitRemainingMs: 400n,
    });
    world.advance(400);
    expect(ben.acquire("a", again)).toMatchObject({ reason: DeniedReason.WAIT_TIMED_OUT });
  });

  it("shows a waiter its place and only those before it [LOCK-29]", () => {
    const { ann, ben } = pair();
    ann.lock("a");
    ann.queue("a");
    const again = { requestId: 1n, waitMs: 1_000, answerQueued: true };
    ben.acquire("a", again);
    ann.queue("a");
    const queued = ben.acquire("a", again);
    expect(queued).toMatchObject({ case: "queued", position: 1 });
    expect(queued.case === "queued" && queued.blockers.length).toBe(2);
  });

  it("gives the same denial, also when the key is free by now [GEN-62]", () => {
    const { ann, ben } = pair();
    const lock = ann.lock("a");
    const denied = ben.acquire("a", { requestId: 1n });
    ann.release(lock);
    expect(ben.acquire("a", { requestId: 1n })).toEqual(denied);
  });

  it("is refused when the content is another [GEN-63]", () => {
    const { ann } = pair();
    ann.acquire("a", { requestId: 1n });
    const others = [
      () => ann.acquire("b", { requestId: 1n }),
      () => ann.acquire("a", { requestId: 1n, waitMs: 1 }),
      () => ann.acquire("a", { requestId: 1n, owner: "job" }),
      () => ann.release({ holdId: 1n, token: 1n }, { requestId: 1n }),
      () => ann.cancel(7n, { requestId: 1n }),
    ];
    for (const other of others) expect(refused(other).reason).toBe(ErrorReason.REQUEST_ID_REUSED);
  });

  it("is refused for content that an id was denied or waits for [GEN-63]", () => {
    const { ann, ben } = pair();
    ann.lock("a");
    ben.acquire("a", { requestId: 1n });
    ben.queue("a", { requestId: 2n });
    for (const requestId of [1n, 2n]) {
      const refusal = refused(() => ben.acquire("b", { requestId }));
      expect(refusal.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    }
  });
});

describe("Acquire with an id that was confirmed", () => {
  it("is never executed, whatever it had been answered [GEN-66]", () => {
    const { world, ann, ben } = pair();
    const lock = ann.lock("a", { requestId: 1n });
    ben.acquire("a", { requestId: 1n });
    ann.release(lock, { requestId: 2n });
    ann.keepAlive(0n, [[1n, 2n]]);
    ben.keepAlive(0n, [1n]);
    for (const client of [ann, ben]) {
      const refusal = refused(() => client.acquire("a", { requestId: 1n }));
      expect(refusal.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
    }
    expect(getLock(world, "a").holders).toEqual([]);
  });

  it("is not executed when the same request confirms its own id [GEN-66]", () => {
    const { ann } = pair();
    const refusal = refused(() => ann.acquire("a", { requestId: 1n, answered: [[1n, 3n]] }));
    expect(refusal.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
  });

  it("is not executed when it arrives for the first time [GEN-66]", () => {
    const { ann } = pair();
    ann.get([4n]);
    const refusal = refused(() => ann.acquire("a", { requestId: 4n }));
    expect(refusal.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
  });

  it("goes on waiting when it was confirmed without a final reply [GEN-67]", () => {
    const { world, ann, ben } = pair();
    const lock = ann.lock("a");
    const ticketId = ben.queue("a", { requestId: 1n });
    ben.keepAlive(0n, [1n]);
    expect(ben.acquire("a", { requestId: 1n, waitMs: 600_000 })).toEqual({
      case: "waiting",
      ticketId,
    });
    ann.release(lock);
    expect(getLock(world, "a").holders[0]?.sessionId).toBe(ben.id);
    const refusal = refused(() => ben.acquire("a", { requestId: 1n, waitMs: 600_000 }));
    expect(refusal.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
  });
});

describe("The limits of an Acquire", () => {
  it("max_unanswered counts replies that were not confirmed, and no waits [GEN-68]", () => {
    const { ann, ben } = pair({ limits: { max_unanswered: 2 } });
    ann.lock("a");
    for (let i = 0; i < 5; i++) ben.queue("a");
    ann.lock("b");
    const refusal = refused(() => ann.acquire("c", { requestId: 3n }));
    expect(refusal.metadata).toEqual({ limit: "max_unanswered", max: "2" });
    expect(ann.acquire("a", { requestId: 1n }).case).toBe("granted");
    expect(ann.acquire("c", { requestId: 3n, answered: [1n] }).case).toBe("granted");
  });

  it("max_unanswered counts denials and releases too [GEN-68]", () => {
    const { ann, ben } = pair({ limits: { max_unanswered: 2 } });
    const lock = ann.lock("a");
    ann.release(lock);
    expect(refused(() => ann.acquire("a")).metadata).toMatchObject({ limit: "max_unanswered" });
    ben.lock("b");
    expect(ben.acquire("b").case).toBe("denied");
    expect(refused(() => ben.acquire("c")).metadata).toMatchObject({ limit: "max_unanswered" });
  });

  it("max_waiters_per_session bounds what one session waits for [GEN-51]", () => {
    const { ann, ben } = pair({ limits: { max_waiters_per_session: 1 } });
    ann.lock("a");
    ben.queue("a");
    const refusal = refused(() => ben.acquire("a", { waitMs: 1 }));
    expect(refusal.metadata).toEqual({ limit: "max_waiters_per_session", max: "1" });
    ben.lock("b");
  });

  it("max_holds_per_session bounds what one session holds and waits for together [GEN-51]", () => {
    const { ann, ben } = pair({ limits: { max_holds_per_session: 2 } });
    ben.lock("x");
    ann.lock("a");
    ann.queue("x");
    const refusal = refused(() => ann.acquire("b"));
    expect(refusal.metadata).toEqual({ limit: "max_holds_per_session", max: "2" });
  });

  it("max_held_bytes_per_session bounds the keys and owners of what one session holds and waits for [GEN-51]", () => {
    const { ann, ben } = pair({ limits: { max_held_bytes_per_session: 6 } });
    ben.lock("x");
    const held = ann.lock("äb", { owner: "o" });
    ann.queue("x");
    const refusal = refused(() => ann.acquire("cd"));
    expect(refusal.metadata).toEqual({ limit: "max_held_bytes_per_session", max: "6" });
    ann.lock("c");
    ann.release(held);
    ann.lock("defg");
  });

  it("max_answered_ranges bounds the gaps in what was confirmed [GEN-51, GEN-72]", () => {
    const { ann } = pair({ limits: { max_answered_ranges: 2 } });
    const requestId = 9n;
    const refusal = refused(() => ann.acquire("a", { requestId, answered: [1n, 3n, 5n] }));
    expect(refusal.metadata).toEqual({ limit: "max_answered_ranges", max: "2" });
    ann.lock("a", { requestId, answered: [[1n, 5n]] });
  });

  it("executes nothing while the disk is nearly full, but answers repeats [GEN-53]", () => {
    const { world, ann } = pair();
    const first = ann.acquire("a", { requestId: 1n });
    world.storageLow = true;
    expect(refused(() => ann.acquire("b", { requestId: 2n })).reason).toBe(ErrorReason.STORAGE_LOW);
    expect(ann.acquire("a", { requestId: 1n })).toEqual(first);
  });
});
