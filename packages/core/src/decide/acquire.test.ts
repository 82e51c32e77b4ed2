import { DeniedReason } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, getLock } from "../testing-support/client.ts";
import { people } from "../testing-support/people.ts";

describe("Acquire", () => {
  it("grants a free key with the revision of the grant as token [LOCK-2, SES-8]", () => {
    const { world, ann } = people();
    const { holdId, token } = ann.lock("a");
    expect(token).toBe(world.state.revision);
    expect(holdId).toBe(token);
    expect(world.events.at(-1)).toMatchObject({
      actor: "peer",
      causeRequestId: 1n,
      body: { case: "lockGranted", value: { token, sessionId: ann.id, ticketId: 0n } },
    });
  });

  it("gives each later grant of a key a higher token [LOCK-2]", () => {
    const { ann, ben } = people();
    const first = ann.lock("a");
    ann.release(first);
    expect(ben.lock("a").token).toBeGreaterThan(first.token);
  });

  it("denies a held key to whoever does not wait, and names the holder [LOCK-10, LOCK-20, LOCK-21, LOCK-27, LOCK-28]", () => {
    const { world, ann, ben } = people();
    const { holdId } = ann.lock("a", { owner: "nightly job" });
    const { revision } = world.state;
    expect(ben.acquire("a")).toMatchObject({
      case: "denied",
      reason: DeniedReason.CONTENDED,
      blockers: [{ key: "a", holdId, displayName: "Ann", owner: "nightly job" }],
    });
    expect(world.state.revision).toBe(revision);
  });

  it("denies a key to whoever does not wait while somebody else does [LOCK-21, LOCK-28, LOCK-46]", () => {
    const { ann, ben, carl } = people();
    const lock = ann.lock("a");
    const ticketId = ben.queue("a");
    const denied = carl.acquire("a");
    expect(denied).toMatchObject({ case: "denied", reason: DeniedReason.CONTENDED });
    expect(denied.case === "denied" && denied.blockers.map((one) => one.ticketId)).toEqual([
      0n,
      ticketId,
    ]);
    ann.release(lock);
    expect(carl.acquire("a")).toMatchObject({ reason: DeniedReason.CONTENDED });
  });

  it("grants in the order of arrival, whoever asks [LOCK-45, LOCK-46]", () => {
    const { world, ann, ben, carl } = people();
    let holder = ann.lock("a");
    const tickets = [ben.queue("a"), carl.queue("a"), ben.queue("a"), ann.queue("a")];
    for (const ticketId of tickets) {
      const client = [ann, ben, carl].find(
        (one) => world.state.holds.get(holder.holdId)?.sessionId === one.id,
      );
      client?.release(holder);
      const grant = world.events.at(-1)?.body;
      if (grant?.case !== "lockGranted") throw new Error("nobody was granted the key");
      expect(grant.value.ticketId).toBe(ticketId);
      expect(grant.value.token).toBeGreaterThan(holder.token);
      holder = grant.value;
    }
  });

  it("answers queued at once when asked to, with place, blockers and time left [LOCK-29, LOCK-28]", () => {
    const { world, ann, ben, carl } = people();
    const { holdId } = ann.lock("a");
    expect(ben.acquire("a", { waitMs: 5_000, answerQueued: true })).toMatchObject({
      case: "queued",
      ticketId: world.state.revision,
      position: 0,
      blockers: [{ holdId }],
      waitRemainingMs: 5_000n,
    });
    expect(carl.acquire("a", { waitMs: 5_000, answerQueued: true })).toMatchObject({
      position: 1,
      blockers: [{ holdId }, { sessionId: ben.id }],
    });
  });

  it("shows 16 of those who are in the way [LOCK-28]", () => {
    const { ann, ben, carl } = people();
    ann.lock("a");
    for (let i = 0; i < 20; i++) ben.queue("a");
    const queued = carl.acquire("a", { waitMs: 5_000, answerQueued: true });
    expect(queued).toMatchObject({ position: 20 });
    expect(queued.case === "queued" && queued.blockers.length).toBe(16);
  });

  it("counts a longer wait as the longest allowed [LOCK-24]", () => {
    const { world, ann, ben } = people({ limits: { max_wait_ms: 1_000 } });
    ann.lock("a");
    ben.queue("a", { waitMs: 5_000 });
    world.advance(999);
    expect(getLock(world, "a").queueLength).toBe(1);
    world.advance(1);
    expect(getLock(world, "a").queueLength).toBe(0);
  });

  it("says LOCK_DELAY and how long to whoever does not wait while a lost hold blocks the key [LOCK-22, LOCK-119, LOCK-120]", () => {
    const { world, ann, ben } = people();
    forceRelease(world, "a", ann.lock("a").token);
    world.pass(4_000);
    expect(ben.acquire("a")).toMatchObject({
      case: "denied",
      reason: DeniedReason.LOCK_DELAY,
      retryAfterMs: 11_000n,
    });
    const ticketId = ben.queue("a");
    ben.keepAlive();
    const bodies = world.advance(11_000).map(({ body }) => body);
    expect(bodies).toContainEqual(
      expect.objectContaining({
        case: "lockGranted",
        value: expect.objectContaining({ ticketId }),
      }),
    );
  });

  it("denies a queue that has reached its limit [LOCK-26]", () => {
    const { ann, ben, carl } = people({ limits: { max_waiters_per_key: 1 } });
    ann.lock("a");
    ben.queue("a");
    expect(carl.acquire("a", { waitMs: 1 })).toMatchObject({ reason: DeniedReason.QUEUE_FULL });
    expect(carl.acquire("a")).toMatchObject({ reason: DeniedReason.CONTENDED });
    ann.lock("b");
    carl.queue("b");
  });
});

describe("Acquire of an owner", () => {
  it("denies an owner the key it holds, waiting or not [LOCK-36, LOCK-40]", () => {
    const { ann, ben } = people();
    ann.lock("a", { owner: "job" });
    expect(ann.acquire("a", { owner: "job" })).toMatchObject({ reason: DeniedReason.REENTRANCY });
    expect(ann.acquire("a", { owner: "job", waitMs: 9 })).toMatchObject({
      reason: DeniedReason.REENTRANCY,
    });
    expect(ben.acquire("a", { owner: "job" })).toMatchObject({ reason: DeniedReason.CONTENDED });
    ann.queue("a", { owner: "other" });
  });

  it("links requests without an owner to nothing [LOCK-35]", () => {
    const { ann } = people();
    ann.lock("a");
    expect(ann.acquire("a")).toMatchObject({ reason: DeniedReason.CONTENDED });
    ann.queue("a");
    ann.queue("a");
  });

  it("lets an owner wait for one thing at a time [LOCK-39]", () => {
    const { world, ann, ben } = people();
    const lock = ben.lock("a");
    ann.queue("a", { owner: "job", requestId: 1n });
    expect(ann.acquire("b", { owner: "job", requestId: 2n, waitMs: 9 })).toMatchObject({
      case: "denied",
      reason: DeniedReason.OWNER_BUSY,
    });
    ann.lock("c", { owner: "other", requestId: 3n });
    ben.release(lock);
    expect(world.state.sessions.get(ann.id)?.holds.size).toBe(2);
    ann.lock("b", { owner: "job", requestId: 4n });
  });

  it("frees an owner whose wait was cancelled or timed out", () => {
    const { world, ann, ben } = people();
    ben.lock("a");
    ann.queue("a", { owner: "job", requestId: 1n });
    ann.cancel(1n, { requestId: 2n });
    ann.queue("a", { owner: "job", requestId: 3n, waitMs: 10 });
    world.advance(10);
    ann.queue("a", { owner: "job", requestId: 4n });
  });
});
