import { LockMode } from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  type Actor,
  denied,
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

describe("beside a hold", () => {
  const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;
  test.each([
    [EXCLUSIVE, EXCLUSIVE, false],
    [EXCLUSIVE, SHARED, false],
    [EXCLUSIVE, UPGRADABLE, false],
    [SHARED, EXCLUSIVE, false],
    [SHARED, SHARED, true],
    [SHARED, UPGRADABLE, true],
    [UPGRADABLE, EXCLUSIVE, false],
    [UPGRADABLE, SHARED, true],
    [UPGRADABLE, UPGRADABLE, false],
  ])("of mode %i one of mode %i: %s [LOCK-10, LOCK-11, LOCK-12]", async (held, asked, granted) => {
    await ann.take({ key: "k", mode: held });
    const outcome = await ben.acquire({ key: "k", mode: asked });
    expect(outcome).toMatchObject(granted ? { case: "granted" } : denied("CONTENDED"));
  });
});

describe("permits", () => {
  beforeEach(() => world.policy("pool/", { permits: 3 }));

  test("are given until the limit is reached, those of earlier waiters counted [LOCK-13]", async () => {
    const two = await ann.take(permits("pool/a", 2));
    const waiting = await ben.wait(permits("pool/a", 2));
    expect(await carl.acquire(permits("pool/a", 1))).toMatchObject(denied("CONTENDED"));
    await ann.release(two);
    expect(await ben.again(waiting)).toMatchObject({ case: "granted" });
    await carl.take(permits("pool/a", 1));
    expect(await ann.acquire(permits("pool/a", 1))).toMatchObject(denied("CONTENDED"));
  });

  test("are the one mode of such a key, and of no other [LOCK-14]", async () => {
    const mismatch = denied("LIMIT_MISMATCH");
    for (const wanted of ["pool/a", shared("pool/a"), upgradable("pool/a"), permits("other", 1)]) {
      expect(await ann.acquire(wanted)).toMatchObject(mismatch);
      expect(await ann.acquire(wanted, { waitMs: 60_000n })).toMatchObject(mismatch);
    }
  });

  test("above the limit are denied, waiting or not [LOCK-15]", async () => {
    const mismatch = denied("LIMIT_MISMATCH");
    expect(await ann.acquire(permits("pool/a", 4))).toMatchObject(mismatch);
    expect(await ann.acquire(permits("pool/a", 4), { waitMs: 60_000n })).toMatchObject(mismatch);
    await ann.take(permits("pool/a", 3));
  });

  test("and other modes keep each other out when a policy changes under a hold [LOCK-16]", async () => {
    const held = await ann.take(shared("turns/a"));
    await world.policy("turns/", { permits: 5 });
    expect(await ben.acquire(permits("turns/a", 1))).toMatchObject(denied("CONTENDED"));
    const waiting = await ben.wait(permits("turns/a", 1));
    await ann.release(held);
    expect(await ben.again(waiting)).toMatchObject({ case: "granted" });
    await world.policy("turns/");
    expect(await ann.acquire(shared("turns/a"))).toMatchObject(denied("CONTENDED"));
  });
});

describe("a change of permits", () => {
  test("grants those it leaves room for, in their order [LOCK-183]", async () => {
    await world.policy("pool/", { permits: 1 });
    await ann.take(permits("pool/a", 1));
    const [first, second, third] = [
      await ben.wait(permits("pool/a", 1)),
      await carl.wait(permits("pool/a", 1)),
      await ben.wait(permits("pool/a", 1)),
    ];
    await world.policy("pool/", { permits: 3 });
    expect(await ben.again(first)).toMatchObject({ case: "granted" });
    expect(await carl.again(second)).toMatchObject({ case: "granted" });
    expect(await ben.again(third)).toMatchObject({ case: "queued" });
  });

  test("denies those it makes impossible, and takes no hold [LOCK-183, LOCK-184]", async () => {
    await world.policy("pool/", { permits: 3 });
    await ann.take(permits("pool/a", 3));
    const [tooMany, few] = [
      await ben.wait(permits("pool/a", 2)),
      await carl.wait(permits("pool/a", 1)),
    ];
    await world.policy("pool/", { permits: 1 });
    expect(await ben.again(tooMany)).toMatchObject(denied("LIMIT_MISMATCH"));
    expect(await carl.again(few)).toMatchObject({ case: "queued" });
    expect((await world.lock("pool/a")).holders).toMatchObject([{ permits: 3 }]);
  });

  test("denies waiters of a mode that the policy no longer allows [LOCK-183, LOCK-184]", async () => {
    await ann.take("turns/a");
    const waiting = await ben.wait(shared("turns/a"));
    await world.policy("turns/", { permits: 2 });
    expect(await ben.again(waiting)).toMatchObject(denied("LIMIT_MISMATCH"));
    expect((await world.lock("turns/a")).holders).toHaveLength(1);
  });
});
