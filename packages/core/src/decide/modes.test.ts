import { DeniedReason, LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, getLock, removePolicy, setPolicy } from "../testing-support/client.ts";
import { people, withPermits } from "../testing-support/people.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;

describe("Modes", () => {
  it("SHARED is held by many, beside one UPGRADABLE [LOCK-11, LOCK-12]", () => {
    const { world, ann, ben, carl } = people();
    for (const client of [ann, ben, ben]) client.lock("a", { mode: SHARED });
    carl.lock("a", { mode: UPGRADABLE });
    expect(ann.acquire("a", { mode: UPGRADABLE })).toMatchObject({
      reason: DeniedReason.CONTENDED,
      blockers: [{ mode: UPGRADABLE, sessionId: carl.id }],
    });
    expect(getLock(world, "a").holders.map(({ mode }) => mode)).toEqual([
      SHARED,
      SHARED,
      SHARED,
      UPGRADABLE,
    ]);
  });

  it("EXCLUSIVE is held alone [LOCK-10]", () => {
    const { ann, ben } = people();
    const lock = ann.lock("a");
    for (const mode of [EXCLUSIVE, SHARED, UPGRADABLE])
      expect(ben.acquire("a", { mode })).toMatchObject({ reason: DeniedReason.CONTENDED });
    ann.release(lock);
    ann.lock("a", { mode: SHARED });
    expect(ben.acquire("a")).toMatchObject({ reason: DeniedReason.CONTENDED });
  });

  it("PERMITS are held up to the limit of the key's policy [LOCK-13, LOCK-15]", () => {
    const { ann, ben, carl } = withPermits(5);
    const lock = ann.lock("p", { mode: PERMITS, permits: 2 });
    ben.lock("p", { mode: PERMITS, permits: 3 });
    expect(carl.acquire("p", { mode: PERMITS, permits: 1 })).toMatchObject({
      reason: DeniedReason.CONTENDED,
      blockers: [{ permits: 2 }, { permits: 3 }],
    });
    ann.release(lock);
    expect(carl.acquire("p", { mode: PERMITS, permits: 6, waitMs: 9 })).toMatchObject({
      reason: DeniedReason.LIMIT_MISMATCH,
    });
    carl.lock("p", { mode: PERMITS, permits: 2 });
  });

  it("PERMITS only where the policy says so, and nothing else there [LOCK-14]", () => {
    const { ann } = withPermits(5);
    for (const mode of [EXCLUSIVE, SHARED, UPGRADABLE])
      expect(ann.acquire("p", { mode })).toMatchObject({ reason: DeniedReason.LIMIT_MISMATCH });
    expect(ann.acquire("q", { mode: PERMITS, permits: 1 })).toMatchObject({
      reason: DeniedReason.LIMIT_MISMATCH,
    });
    expect(ann.acquire(["q", "p"])).toMatchObject({ reason: DeniedReason.LIMIT_MISMATCH });
  });

  it("PERMITS and other modes conflict when both meet, after a change of the policy [LOCK-16]", () => {
    const { world, ann, ben, carl } = people();
    const lock = ann.lock("p", { mode: SHARED });
    setPolicy(world, { keyPrefix: "p", permits: 5 });
    expect(ben.acquire("p", { mode: PERMITS, permits: 1 })).toMatchObject({
      reason: DeniedReason.CONTENDED,
    });
    ann.release(lock);
    const permit = ben.lock("p", { mode: PERMITS, permits: 1 });
    removePolicy(world, "p");
    expect(carl.acquire("p", { mode: SHARED })).toMatchObject({ reason: DeniedReason.CONTENDED });
    ben.release(permit);
    carl.lock("p", { mode: SHARED });
  });

  it("a lost hold blocks just what it blocked [LOCK-118]", () => {
    const { world, ann, ben, carl } = withPermits(3);
    forceRelease(world, "a", ann.lock("a", { mode: SHARED }).token);
    ben.lock("a", { mode: SHARED });
    expect(carl.acquire("a")).toMatchObject({ reason: DeniedReason.CONTENDED });
    forceRelease(world, "b", ann.lock("b", { mode: UPGRADABLE }).token);
    ben.lock("b", { mode: SHARED });
    expect(carl.acquire("b", { mode: UPGRADABLE })).toMatchObject({
      reason: DeniedReason.LOCK_DELAY,
      retryAfterMs: 15_000n,
    });
    forceRelease(world, "p", ann.lock("p", { mode: PERMITS, permits: 2 }).token);
    ben.lock("p", { mode: PERMITS, permits: 1 });
    expect(carl.acquire("p", { mode: PERMITS, permits: 1 })).toMatchObject({
      reason: DeniedReason.LOCK_DELAY,
    });
    expect(getLock(world, "p").delays).toMatchObject([
      { mode: PERMITS, permits: 2, unconfirmed: true },
    ]);
  });
});
