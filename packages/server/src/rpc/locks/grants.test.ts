import { KeyState, LossReason, ReleaseOutcome } from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Actor,
  denied,
  grantedOf,
  LockWorld,
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

const statesOf = (keys: string[]) =>
  Promise.all(keys.map(async (key) => (await world.lock(key)).state));

describe("an acquire of several keys", () => {
  test("is one hold with one token over all of them [LOCK-1, LOCK-2]", async () => {
    const { holdId, token } = await ann.take(["b", shared("a")]);
    expect(token).toBe(await world.revision());
    for (const key of ["a", "b"]) {
      expect((await world.lock(key)).holders).toMatchObject([{ holdId, token }]);
    }
    expect((await ann.get()).holds).toHaveLength(1);
  });

  test("takes none of them while one is held [LOCK-1, LOCK-27]", async () => {
    const held = await ann.take("b");
    expect(await ben.acquire(["a", "b"])).toMatchObject(denied("CONTENDED"));
    expect((await world.lock("a")).state).toBe(KeyState.FREE);
    const waiting = await ben.wait(["a", "b"]);
    expect((await world.lock("a")).holders).toEqual([]);
    await ann.release(held);
    expect(await ben.again(waiting)).toMatchObject({ case: "granted" });
    expect(await statesOf(["a", "b"])).toEqual([KeyState.HELD, KeyState.HELD]);
  });

  test("is released and lost as a whole [LOCK-4]", async () => {
    await ann.release(await ann.take(["a", "b"]));
    expect(await statesOf(["a", "b"])).toEqual([KeyState.FREE, KeyState.FREE]);
    const held = await ann.take(["a", "b"]);
    await world.force("b", held, true);
    expect(await statesOf(["a", "b"])).toEqual([KeyState.FREE, KeyState.FREE]);
    expect(await ann.release(held)).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.FORCE_RELEASED,
    });
  });
});

describe("the queue", () => {
  test("is visited in the order of arrival over all keys [LOCK-45, LOCK-46]", async () => {
    const [a, b] = [await ann.take("a"), await ann.take("b")];
    const both = await ben.wait(["a", "b"]);
    const onlyB = await carl.wait("b");
    await ann.release(b);
    // b is free, but the first who waits for it still waits for a.
    expect(await carl.again(onlyB)).toMatchObject({ case: "queued", position: 1 });
    expect(await ann.acquire("b")).toMatchObject(denied("CONTENDED"));
    await ann.release(a);
    const granted = grantedOf(await ben.again(both));
    await ben.release(granted);
    expect(await carl.again(onlyB)).toMatchObject({ case: "granted" });
  });

  test("keeps readers that come later behind a writer [LOCK-46]", async () => {
    const reading = await ann.take(shared("a"));
    const writing = await ben.wait("a");
    expect(await carl.acquire(shared("a"))).toMatchObject(denied("CONTENDED"));
    const later = await carl.wait(shared("a"));
    await ann.release(reading);
    const written = grantedOf(await ben.again(writing));
    expect(await carl.again(later)).toMatchObject({ case: "queued", position: 0 });
    await ben.release(written);
    expect(await carl.again(later)).toMatchObject({ case: "granted" });
  });

  test("lets pass whoever conflicts with nobody before it [LOCK-47]", async () => {
    await ann.take("a");
    await ben.wait(["a", shared("b")]);
    await carl.take(shared("b"));
    await ann.take(upgradable("b"));
    expect(await carl.acquire("b")).toMatchObject(denied("CONTENDED"));
  });

  test("grants all who fit at once [LOCK-45, LOCK-47]", async () => {
    const held = await ann.take("a");
    const first = await ben.wait(shared("a"));
    const second = await carl.wait(upgradable("a"));
    const writer = await ann.wait("a");
    await ann.release(held);
    expect(await ben.again(first)).toMatchObject({ case: "granted" });
    expect(await carl.again(second)).toMatchObject({ case: "granted" });
    expect(await ann.again(writer)).toMatchObject({ case: "queued", position: 0 });
  });
});

describe("entering a hold again", () => {
  const owner = "job";
  const reentrancy = 2; // COUNT

  test("counts the same hold, before all who wait [LOCK-37, LOCK-48, LOCK-3]", async () => {
    const first = await ann.take(["a", shared("b")], { owner });
    const waiting = await ben.wait("a");
    const again = await ann.take([shared("b"), "a"], { owner, reentrancy });
    expect(again).toMatchObject({ holdId: first.holdId, token: first.token, count: 2 });
    expect(await ann.release(first)).toMatchObject({
      outcome: ReleaseOutcome.STILL_HELD,
      count: 1,
    });
    expect(await ben.again(waiting)).toMatchObject({ case: "queued" });
    expect(await ann.release(first)).toMatchObject({ outcome: ReleaseOutcome.RELEASED });
    expect(await ben.again(waiting)).toMatchObject({ case: "granted" });
  });

  test("is given back one by one, and lost at once [LOCK-66, LOCK-4]", async () => {
    const first = await ann.take("a", { owner });
    await ann.take("a", { owner, reentrancy });
    await ann.take("a", { owner, reentrancy });
    expect(await ann.release(first)).toMatchObject({
      outcome: ReleaseOutcome.STILL_HELD,
      count: 2,
    });
    await world.force("a", first, true);
    expect((await world.lock("a")).state).toBe(KeyState.FREE);
    expect(await ann.release(first)).toMatchObject({ outcome: ReleaseOutcome.LOST });
  });

  test.each([
    ["fewer keys", ["a"]],
    ["more keys", ["a", "b", "c"]],
    ["another mode", [shared("a"), "b"]],
    ["other keys beside one", ["b", "c"]],
  ])("is denied for %s [LOCK-38]", async (_, wanted) => {
    await ann.take(["a", "b"], { owner });
    expect(await ann.acquire(wanted, { owner, reentrancy })).toMatchObject(denied("REENTRANCY"));
    const more = { owner, reentrancy, waitMs: 60_000n };
    expect(await ann.acquire(wanted, more)).toMatchObject(denied("REENTRANCY"));
  });
});
