import { create } from "@bufbuild/protobuf";
import {
  DeniedReason,
  ErrorReason,
  LockMode,
  LockPolicySchema,
  SetPolicyRequestSchema,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { RefusalCode } from "../refusal.ts";
import { getLock, open, refused, removePolicy, setPolicy } from "../testing-support/client.ts";
import { getPolicy } from "../testing-support/operator.ts";
import { World } from "../testing-support/world.ts";

const { SHARED, PERMITS } = LockMode;

/** Sets the permits of a prefix, expecting a version; removes the policy when there are none. */
function setAt(world: World, expectedVersion: bigint, keyPrefix: string, permits?: number): bigint {
  const policy = permits === undefined ? undefined : create(LockPolicySchema, { permits });
  const request = create(SetPolicyRequestSchema, {
    keyPrefix,
    expectedVersion,
    reason: "load",
    ...(policy === undefined ? {} : { policy }),
  });
  return world.reply({ kind: "setPolicy", principal: "operator", request }).version;
}

describe("SetPolicy", () => {
  it("raises the one version by one, and tells who and why [LOCK-181]", () => {
    const world = new World();
    expect(getPolicy(world)).toMatchObject({ version: 0n, policies: [] });
    expect(setAt(world, 0n, "a", 1)).toBe(1n);
    expect(world.events.at(-1)).toMatchObject({ actor: "operator", reason: "load" });
    expect(setAt(world, 1n, "b", 2)).toBe(2n);
    expect(setAt(world, 2n, "a")).toBe(3n);
    world.restart();
    expect(getPolicy(world)).toMatchObject({
      version: 3n,
      policies: [{ keyPrefix: "b", policy: { permits: 2 } }],
    });
  });

  it("that expects another version is refused and changes nothing [LOCK-181]", () => {
    const world = new World();
    setAt(world, 0n, "a", 1);
    const before = world.state.revision;
    for (const expected of [0n, 2n, 9n]) {
      const refusal = refused(() => setAt(world, expected, "a", 2));
      expect(refusal).toMatchObject({
        code: RefusalCode.ABORTED,
        reason: ErrorReason.VERSION_MISMATCH,
        metadata: { version: "1" },
      });
    }
    expect(world.state.revision).toBe(before);
  });

  it("that is repeated is answered as done while it is in force at the next version [GEN-73]", () => {
    const world = new World();
    setAt(world, 0n, "a", 1);
    const before = world.state.revision;
    expect(setAt(world, 0n, "a", 1)).toBe(1n);
    expect(world.state.revision).toBe(before);
    setAt(world, 1n, "a");
    expect(setAt(world, 1n, "a")).toBe(2n);
    expect(refused(() => setAt(world, 0n, "a", 1)).reason).toBe(ErrorReason.VERSION_MISMATCH);
  });

  it("is a change although it says what is in force already", () => {
    const world = new World();
    setAt(world, 0n, "a", 1);
    expect(setAt(world, 1n, "a", 1)).toBe(2n);
    expect(getPolicy(world).version).toBe(2n);
  });

  it("is refused beyond so many policies, but may change and remove those there are", () => {
    const world = new World({ limits: { max_policies: 1 } });
    setAt(world, 0n, "a", 1);
    const refusal = refused(() => setAt(world, 1n, "b", 1));
    expect(refusal.metadata).toEqual({ limit: "max_policies", max: "1" });
    setAt(world, 1n, "a", 2);
    setAt(world, 2n, "a");
    setAt(world, 3n, "b", 1);
  });
});

describe("GetPolicy", () => {
  it("tells the policy with the longest prefix as a whole, and all in byte order [LOCK-180]", () => {
    const world = new World();
    setPolicy(world, { keyPrefix: "jobs/", maxHoldMs: 5_000, maxWaiters: 3 });
    setPolicy(world, { keyPrefix: "jobs/night/", maxWaitMs: 1_000 });
    setPolicy(world, { keyPrefix: "", lockDelayMs: 7 });
    const inForce = (key: string) => getPolicy(world, key).inForce;
    expect(inForce("jobs/day")?.policy).toMatchObject({ maxHoldMs: 5_000n, maxWaiters: 3 });
    expect(inForce("jobs/night/x")).toMatchObject({
      keyPrefix: "jobs/night/",
      policy: { maxHoldMs: 0n, maxWaiters: 0, maxWaitMs: 1_000n },
    });
    expect(inForce("other")).toMatchObject({ keyPrefix: "", policy: { lockDelayMs: 7n } });
    const { policies } = getPolicy(world);
    expect(policies.map(({ keyPrefix }) => keyPrefix)).toEqual(["", "jobs/", "jobs/night/"]);
    removePolicy(world, "");
    expect(inForce("other")).toBeUndefined();
  });
});

describe("A change of permits", () => {
  function waiting() {
    const world = new World();
    const [ann, ben, cat] = [open(world), open(world), open(world)];
    setPolicy(world, { keyPrefix: "p", permits: 4 });
    ann.lock("p", { mode: PERMITS, permits: 3 });
    ben.queue("p", { mode: PERMITS, permits: 4, requestId: 7n });
    cat.queue("p", { mode: PERMITS, permits: 2, requestId: 7n });
    return { world, ann, ben, cat };
  }

  it("that leaves room for waiters grants them in the same step [LOCK-183]", () => {
    const { world, ben } = waiting();
    setPolicy(world, { keyPrefix: "p", permits: 7 });
    expect(world.batches.at(-1)?.map(({ body }) => body.case)).toEqual([
      "policyChanged",
      "lockGranted",
    ]);
    expect(getLock(world, "p").holders.at(-1)?.sessionId).toBe(ben.id);
  });

  it("denies waiters it makes impossible, grants those behind, takes no hold [LOCK-183] [LOCK-184]", () => {
    const { world, ann, ben, cat } = waiting();
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    expect(
      ben.acquire("p", { mode: PERMITS, permits: 4, requestId: 7n, waitMs: 600_000 }),
    ).toMatchObject({ case: "denied", reason: DeniedReason.LIMIT_MISMATCH });
    expect(getLock(world, "p").holders).toMatchObject([{ sessionId: ann.id, permits: 3 }]);
    ann.release({
      holdId: ann.get().holds[0]?.holdId ?? 0n,
      token: ann.get().holds[0]?.token ?? 0n,
    });
    expect(getLock(world, "p").holders).toMatchObject([{ sessionId: cat.id, permits: 2 }]);
  });

  it("to none and from none denies those who wait in a mode that is not allowed any more", () => {
    const { world, ben, cat } = waiting();
    setPolicy(world, { keyPrefix: "p", permits: 0 });
    expect(getLock(world, "p").queueLength).toBe(0);
    ben.queue("p", { mode: SHARED });
    cat.queue("p", { mode: SHARED });
    setPolicy(world, { keyPrefix: "p", permits: 9 });
    expect(getLock(world, "p").queueLength).toBe(0);
  });

  it("by a removed policy leaves the keys to the next longer prefix", () => {
    const { world } = waiting();
    setPolicy(world, { keyPrefix: "", permits: 7 });
    expect(getLock(world, "p").queueLength).toBe(2);
    removePolicy(world, "p");
    expect(getLock(world, "p").queueLength).toBe(1);
  });

  it("of other prefixes touches nobody", () => {
    const { world } = waiting();
    setPolicy(world, { keyPrefix: "q", permits: 1 });
    expect(getLock(world, "p").queueLength).toBe(2);
  });
});
