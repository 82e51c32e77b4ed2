import { ErrorReason, errorDetailOf } from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Actor, denied, LockWorld, permits } from "../../testing-support/lock-world.ts";

let world: LockWorld;
let ann: Actor;
let ben: Actor;
beforeEach(async () => {
  world = await LockWorld.start();
  [ann, ben] = await world.people();
});
afterEach(() => world.close());

const namespace = "default";
const reason = "test";

describe("a policy", () => {
  test("of the longest prefix is in force as a whole [LOCK-180]", async () => {
    await world.policy("", { maxHoldMs: 10_000n, permits: 1 });
    await world.policy("a/", { lockDelayMs: 5_000n });
    await world.policy("a/b", { permits: 2 });
    const inForce = async (key: string) =>
      (await world.admin.getPolicy({ namespace, key })).inForce;
    expect(await inForce("z")).toMatchObject({ keyPrefix: "", policy: { maxHoldMs: 10_000n } });
    expect(await inForce("a/x")).toMatchObject({
      keyPrefix: "a/",
      policy: { maxHoldMs: 0n, permits: 0, lockDelayMs: 5_000n },
    });
    expect(await inForce("a/bc")).toMatchObject({ keyPrefix: "a/b", policy: { lockDelayMs: 0n } });
    await ann.take("a/x");
    await ann.take(permits("a/bc", 2));
    await ann.take(permits("z", 1));
    await world.advance(20_000);
    expect((await world.lock("a/x")).holders).toHaveLength(1);
    expect((await world.lock("a/bc")).holders).toHaveLength(1);
    expect((await world.lock("z")).holders).toEqual([]);
  });

  test("is changed at the expected version only; each change raises it by one [LOCK-181]", async () => {
    const set = (expectedVersion: bigint, waiters: number) =>
      world.admin.setPolicy({
        ...{ namespace, keyPrefix: "a", expectedVersion, reason },
        policy: { maxWaiters: waiters },
      });
    expect((await set(0n, 1)).version).toBe(1n);
    expect((await set(1n, 2)).version).toBe(2n);
    for (const wrong of [0n, 1n, 3n]) {
      const error = await set(wrong, 7).catch((thrown) => thrown);
      expect(errorDetailOf(error)).toMatchObject({
        reason: ErrorReason.VERSION_MISMATCH,
        metadata: { version: "2" },
      });
    }
    const { version, policies } = await world.admin.getPolicy({ namespace });
    expect(version).toBe(2n);
    expect(policies).toMatchObject([{ keyPrefix: "a", policy: { maxWaiters: 2 } }]);
  });

  test("that is in force at the expected version + 1 is answered as done [GEN-73]", async () => {
    const request = { namespace, keyPrefix: "a", policy: { maxWaiters: 3 }, reason };
    await world.admin.setPolicy({ ...request, expectedVersion: 0n });
    const revision = await world.revision();
    expect((await world.admin.setPolicy({ ...request, expectedVersion: 0n })).version).toBe(1n);
    expect(await world.revision()).toBe(revision);
    await world.policy("b", { maxWaiters: 1 });
    const late = world.admin.setPolicy({ ...request, expectedVersion: 0n });
    expect(await late.catch((error) => errorDetailOf(error)?.reason)).toBe(
      ErrorReason.VERSION_MISMATCH,
    );
  });

  test("bounds who may wait, and how long, the strictest of several keys [LOCK-26, LOCK-24, LOCK-185]", async () => {
    await world.policy("a", { maxWaiters: 1, maxWaitMs: 10_000n });
    await world.policy("b", { maxWaitMs: 4_000n });
    await ann.take(["a", "b", "c"]);
    const waiting = await ben.wait(["c", "a", "b"]);
    expect(await ben.acquire("a", { waitMs: 1n })).toMatchObject(denied("QUEUE_FULL"));
    await world.advance(3_999);
    expect(await ben.again(waiting)).toMatchObject({ case: "queued" });
    await world.advance(1);
    expect(await ben.again(waiting)).toMatchObject(denied("WAIT_TIMED_OUT"));
    const short = await ben.wait("a");
    await world.advance(10_000);
    expect(await ben.again(short)).toMatchObject(denied("WAIT_TIMED_OUT"));
  });

  test("that changes touches no wait that has begun [LOCK-182]", async () => {
    await ann.take("a");
    const waiting = await ben.wait("a", { waitMs: 20_000n });
    await world.policy("a", { maxWaiters: 1, maxWaitMs: 1_000n });
    await world.advance(19_999);
    expect(await ben.again(waiting)).toMatchObject({ case: "queued" });
    await world.advance(1);
    expect(await ben.again(waiting)).toMatchObject(denied("WAIT_TIMED_OUT"));
  });
});
