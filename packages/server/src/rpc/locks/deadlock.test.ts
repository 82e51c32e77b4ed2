import { LockMode, LockOrdering } from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Actor,
  denied,
  grantedOf,
  LockWorld,
  permits,
  shared,
  upgradable,
} from "../../testing-support/lock-world.ts";

let world: LockWorld;
let ann: Actor;
let ben: Actor;
let carl: Actor;
beforeEach(async () => {
  world = await LockWorld.start();
  [ann, ben, carl] = await world.people();
});
afterEach(() => world.close());

const victim = denied("DEADLOCK_VICTIM");
const owner = "job";
// Answered as soon as there is a final outcome.
const waiting = { waitMs: 600_000n, pollTimeoutMs: 1_000n };

describe("a circle of owners", () => {
  test("is broken at once, the newest request being denied, and told [LOCK-25, LOCK-55, LOCK-56, LOCK-57]", async () => {
    await ann.take("a", { owner });
    const b = await ben.take("b", { owner });
    const first = await ann.wait("b", { owner });
    // It asks for no more than its place in the queue, and is told that it has none.
    const outcome = await ben.acquire("a", { owner, waitMs: 600_000n });
    expect(outcome).toMatchObject(victim);
    const cycle = outcome.case === "denied" ? outcome.cycle : [];
    expect([...cycle].sort()).toEqual([ann.id, ben.id]);
    expect(await ann.again(first)).toMatchObject({ case: "queued" });
    expect((await world.lock("a")).holders).toHaveLength(1);
    expect((await world.lock("b")).holders).toHaveLength(1);
    await ben.release(b);
    expect(await ann.again(first)).toMatchObject({ case: "granted" });
  });

  test("denies the request of the lowest priority, also one that has waited long [LOCK-56, LOCK-57]", async () => {
    await ann.take("a", { owner });
    await ben.take("b", { owner });
    const low = await ann.wait("b", { owner, deadlockPriority: -1 });
    const high = await ben.wait("a", { owner });
    expect(await ann.again(low)).toMatchObject(victim);
    expect(await ben.again(high)).toMatchObject({ case: "queued" });
    expect((await ann.get()).holds).toHaveLength(1);
  });

  test("of three is found, and only those in it are told [LOCK-55, LOCK-57]", async () => {
    const dora = await world.actor();
    const names = [
      ["a", ann],
      ["b", ben],
      ["c", carl],
    ] as const;
    for (const [key, actor] of names) await actor.take(key, { owner });
    await dora.wait("a", { owner });
    await ann.wait("b", { owner });
    await ben.wait("c", { owner });
    const outcome = await carl.acquire("a", { owner, ...waiting });
    expect(outcome).toMatchObject(victim);
    const cycle = outcome.case === "denied" ? outcome.cycle : [];
    expect([...cycle].sort()).toEqual([ann.id, ben.id, carl.id].sort());
  });

  test("is also closed by an earlier waiter [LOCK-55]", async () => {
    await ann.take("y", { owner });
    await carl.take(shared("x"));
    await ben.take("z", { owner });
    const earlier = await ben.wait(["x", "y"], { owner });
    expect(await ann.acquire(shared("x"), { owner, ...waiting })).toMatchObject(victim);
    expect(await ben.again(earlier)).toMatchObject({ case: "queued" });
  });

  test("is also closed by a conversion, which can be its victim [LOCK-60, LOCK-56]", async () => {
    const held = await ann.take([upgradable("x"), "y"], { owner });
    await ben.take(shared("x"), { owner });
    const converting = await ann.convert(held, "x", LockMode.EXCLUSIVE, {
      waitMs: 600_000n,
      deadlockPriority: -1,
    });
    expect(converting).toMatchObject({ case: "queued" });
    const other = await ben.wait("y", { owner });
    expect(await ann.again(ann.lastId)).toMatchObject(victim);
    expect(await ben.again(other)).toMatchObject({ case: "queued" });
    const { holders } = await world.lock("x");
    expect(holders.map(({ mode }) => mode).sort()).toEqual([LockMode.SHARED, LockMode.UPGRADABLE]);
  });

  test("is none where each could go on [LOCK-61]", async () => {
    const c = await carl.take("c", { owner });
    const b = await ben.take("b", { owner });
    await ann.take("a", { owner });
    const [first, second] = [await ann.wait("b", { owner }), await ben.wait("c", { owner })];
    expect(await carl.acquire("d", { owner, ...waiting })).toMatchObject({ case: "granted" });
    await carl.release(c);
    expect(await ben.again(second)).toMatchObject({ case: "granted" });
    await ben.release(b);
    expect(await ann.again(first)).toMatchObject({ case: "granted" });
  });

  test("is none between requests that have no owner [LOCK-61, LOCK-35]", async () => {
    const a = await ann.take("a");
    await ben.take("b");
    await ann.wait("b");
    const second = await ben.wait("a");
    await ann.release(a);
    expect(await ben.again(second)).toMatchObject({ case: "granted" });
  });
});

describe("permits", () => {
  test("of more than one make no victim, until the limit is lowered to one [LOCK-58, LOCK-59]", async () => {
    await world.policy("pool/", { permits: 2 });
    const dora = await world.actor();
    await ann.take(permits("pool/1", 1), { owner });
    await ben.take(permits("pool/2", 1), { owner });
    for (const key of ["pool/1", "pool/2"]) await dora.take(permits(key, 1));
    const first = await ann.wait(permits("pool/2", 1), { owner });
    const second = await ben.wait(permits("pool/1", 1), { owner });
    expect(await ann.again(first)).toMatchObject({ case: "queued" });
    expect(await ben.again(second)).toMatchObject({ case: "queued" });
    await world.policy("pool/", { permits: 1 });
    expect(await ben.again(second)).toMatchObject(victim);
    expect(await ann.again(first)).toMatchObject({ case: "queued" });
  });
});

describe("in a namespace of ascending order", () => {
  beforeEach(async () => {
    await world.admin.updateNamespace({
      namespace: "default",
      settings: { ordering: LockOrdering.ASCENDING },
      expectedVersion: 0n,
      reason: "test",
    });
  });

  test("an owner may take only what is above all it holds [LOCK-62]", async () => {
    const violation = denied("ORDER_VIOLATION");
    await ann.take("m", { owner });
    expect(await ann.acquire("a", { owner })).toMatchObject(violation);
    expect(await ann.acquire(["a", "z"], { owner, ...waiting })).toMatchObject(violation);
    // In the order of bytes, not of UTF-16.
    await ann.take("\u{1f512}", { owner });
    expect(await ann.acquire("\uffee", { owner })).toMatchObject(violation);
    await ann.take("a", { owner: "another" });
    await ben.take("b", { owner });
    await carl.take("c");
    await carl.take("a/1");
  });

  test("re-entry and conversion are not asked [LOCK-63]", async () => {
    const low = await ann.take(upgradable("a"), { owner });
    await ann.take("z", { owner });
    const again = { owner, reentrancy: 2 };
    expect(grantedOf(await ann.acquire(upgradable("a"), again)).count).toBe(2);
    expect(await ann.convert(low, "a", LockMode.EXCLUSIVE)).toMatchObject({ case: "granted" });
  });
});

test("the graph tells for each who waits whom it waits for [LOCK-176]", async () => {
  const a = await ann.take("a");
  await ben.take(shared("b"));
  await carl.wait(["a", "b"]);
  await ben.wait(shared("b"), { owner });
  const { waits } = await world.admin.getWaitGraph({ namespace: "default" });
  const told = waits.map(({ waiter, waitsFor }) => [
    waiter?.sessionId,
    waiter?.key,
    waitsFor.map(({ sessionId, holdId, ticketId }) => [sessionId, holdId > 0n, ticketId > 0n]),
  ]);
  expect(told).toEqual([
    [carl.id, "a", [[ann.id, true, false]]],
    [carl.id, "b", [[ben.id, true, false]]],
    [ben.id, "b", [[carl.id, false, true]]],
  ]);
  expect(a.token).toBeGreaterThan(0n);
});
