import { CancelOutcome, FenceStatus, HoldEnd, LockMode, ReleaseOutcome } from "@lockstep/protocol";
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

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;
let world: LockWorld;
let ann: Actor;
let ben: Actor;
let carl: Actor;
beforeEach(async () => {
  world = await LockWorld.start();
  [ann, ben, carl] = await world.people();
});
afterEach(() => world.close());

const waitMs = 600_000n;
const modesOf = async (key: string) => (await world.lock(key)).holders.map(({ mode }) => mode);

describe("a conversion", () => {
  test.each([
    [EXCLUSIVE, SHARED],
    [EXCLUSIVE, UPGRADABLE],
    [UPGRADABLE, SHARED],
  ])("from mode %i down to %i keeps the token and lets in who fits [LOCK-80]", async (from, to) => {
    const held = await ann.take({ key: "a", mode: from });
    const waiting =
      from === EXCLUSIVE ? await ben.wait(shared("a")) : await ben.wait(upgradable("a"));
    const converted = grantedOf(await ann.convert(held, "a", to));
    expect(converted).toMatchObject({ holdId: held.holdId, token: held.token });
    expect(await ben.again(waiting)).toMatchObject({ case: "granted" });
    expect(await modesOf("a")).toContain(to);
  });

  test("up to EXCLUSIVE gives the whole hold a new token and keeps its id [LOCK-81]", async () => {
    const held = await ann.take([upgradable("a"), shared("b")]);
    const converted = grantedOf(await ann.convert(held, "a", EXCLUSIVE));
    expect(converted.holdId).toBe(held.holdId);
    expect(converted.token).toBe(await world.revision());
    expect(converted.token).toBeGreaterThan(held.token);
    for (const key of ["a", "b"]) {
      const fence = { namespace: "default", key };
      const old = await ann.locks.checkFence({ ...fence, token: held.token });
      const now = await ann.locks.checkFence({ ...fence, token: converted.token });
      expect([old.status, now.status]).toEqual([FenceStatus.STALE, FenceStatus.CURRENT]);
    }
    expect(await modesOf("a")).toEqual([EXCLUSIVE]);
    expect(await modesOf("b")).toEqual([SHARED]);
  });

  test.each([EXCLUSIVE, SHARED, UPGRADABLE])(
    "from mode %i to itself changes nothing [LOCK-82]",
    async (mode) => {
      const held = await ann.take({ key: "a", mode });
      const revision = await world.revision();
      const { holdId, token } = held;
      expect(await ann.convert(held, "a", mode)).toMatchObject({ granted: { holdId, token } });
      const { bodies } = { bodies: await world.bodies(revision) };
      expect(bodies.filter((body) => body.case === "lockGranted")).toEqual([]);
      expect((await world.lock("a")).holders).toMatchObject([{ holdId, token, mode }]);
    },
  );

  test.each([
    [SHARED, EXCLUSIVE],
    [SHARED, UPGRADABLE],
    [EXCLUSIVE, PERMITS],
    [UPGRADABLE, PERMITS],
    [SHARED, PERMITS],
  ])("from mode %i to %i is refused, waiting or not [LOCK-83, LOCK-86]", async (from, to) => {
    const held = await ann.take({ key: "a", mode: from });
    for (const more of [{}, { waitMs }]) {
      expect(await ann.convert(held, "a", to, more)).toMatchObject(denied("UPGRADE_REFUSED"));
    }
    expect((await world.lock("a")).holders).toMatchObject([{ mode: from, token: held.token }]);
  });

  test("from permits is refused [LOCK-83]", async () => {
    await world.policy("pool/", { permits: 2 });
    const held = await ann.take(permits("pool/a", 1));
    for (const mode of [EXCLUSIVE, SHARED, UPGRADABLE]) {
      expect(await ann.convert(held, "pool/a", mode)).toMatchObject(denied("UPGRADE_REFUSED"));
    }
  });

  test("that would have to wait and does not want to is denied and changes nothing [LOCK-85, LOCK-86]", async () => {
    const held = await ann.take(upgradable("a"));
    await ben.take(shared("a"));
    expect(await ann.convert(held, "a", EXCLUSIVE)).toMatchObject(denied("CONTENDED"));
    const { holders } = await world.lock("a");
    expect(holders).toMatchObject([{ token: held.token, mode: UPGRADABLE }, { mode: SHARED }]);
  });
});

describe("a conversion that waits", () => {
  test("stands before all waiters, keeps newcomers out, and leaves the hold as it was [LOCK-84, LOCK-86, LOCK-48]", async () => {
    const held = await ann.take(upgradable("a"));
    const reading = await ben.take(shared("a"));
    const writer = await carl.wait("a");
    expect(await ann.convert(held, "a", EXCLUSIVE, { waitMs })).toMatchObject({ case: "queued" });
    const converting = ann.lastId;
    expect(await ben.acquire(shared("a"))).toMatchObject(denied("CONTENDED"));
    expect((await world.lock("a")).holders).toMatchObject([
      { token: held.token, mode: UPGRADABLE },
      {},
    ]);
    await ben.release(reading);
    const converted = grantedOf(await ann.again(converting));
    expect(converted.token).toBeGreaterThan(held.token);
    expect(await carl.again(writer)).toMatchObject({ case: "queued" });
    // The reply may have been lost: the old token gives back as well.
    expect(await ann.release(held)).toMatchObject({ outcome: ReleaseOutcome.RELEASED });
    expect(await carl.again(writer)).toMatchObject({ case: "granted" });
  });

  test("ends with its wait, the hold unchanged [LOCK-86, LOCK-23]", async () => {
    const held = await ann.take(upgradable("a"));
    await ben.take(shared("a"));
    await ann.convert(held, "a", EXCLUSIVE, { waitMs: 1_000n });
    await world.advance(1_000);
    expect(await ann.again(ann.lastId)).toMatchObject(denied("WAIT_TIMED_OUT"));
    expect(await modesOf("a")).toEqual([UPGRADABLE, SHARED]);
    await carl.take(shared("a"));
  });

  test("keeps newcomers out and is taken back by a cancel, the hold unchanged [LOCK-79, LOCK-84, LOCK-86]", async () => {
    const held = await ann.take(upgradable("a"));
    await ben.take(shared("a"));
    await ann.convert(held, "a", EXCLUSIVE, { waitMs });
    const converting = ann.lastId;
    expect(await carl.acquire(shared("a"))).toMatchObject(denied("CONTENDED"));
    expect(await ann.cancel(converting)).toMatchObject({ outcome: CancelOutcome.CANCELLED });
    expect(await ann.again(converting)).toMatchObject(denied("CANCELLED"));
    expect(await modesOf("a")).toEqual([UPGRADABLE, SHARED]);
    await carl.take(shared("a"));
  });

  test("ends when its hold is released [LOCK-72]", async () => {
    const held = await ann.take(upgradable("a"));
    await ben.take(shared("a"));
    await ann.convert(held, "a", EXCLUSIVE, { waitMs });
    const converting = ann.lastId;
    expect(await ann.release(held)).toMatchObject({ outcome: ReleaseOutcome.RELEASED });
    expect(await ann.again(converting)).toMatchObject(denied("CANCELLED"));
    await carl.take(shared("a"));
  });

  test("ends when its hold is lost [LOCK-87]", async () => {
    const held = await ann.take(upgradable("a"));
    await ben.take(shared("a"));
    await ann.convert(held, "a", EXCLUSIVE, { waitMs });
    await world.force("a", held, true);
    expect(await ann.again(ann.lastId)).toMatchObject({
      case: "notHeld",
      notHeld: { end: HoldEnd.LOST },
    });
    await carl.take(shared("a"));
  });

  test("ends when its hold is transferred [LOCK-87]", async () => {
    const held = await ann.take(upgradable("a"));
    await ben.take(shared("a"));
    const waiting = await carl.wait(upgradable("a"));
    await ann.convert(held, "a", EXCLUSIVE, { waitMs });
    const converting = ann.lastId;
    expect(await ann.transfer(held, carl, waiting)).toMatchObject({ case: "granted" });
    expect(await ann.again(converting)).toMatchObject({
      case: "notHeld",
      notHeld: { end: HoldEnd.TRANSFERRED },
    });
  });
});

describe("every token a hold has had", () => {
  test("gives it back [LOCK-71]", async () => {
    const first = await ann.take(upgradable("a"));
    const second = grantedOf(await ann.convert(first, "a", EXCLUSIVE));
    grantedOf(await ann.convert(second, "a", UPGRADABLE));
    const third = grantedOf(await ann.convert(second, "a", EXCLUSIVE));
    expect(third.token).toBeGreaterThan(second.token);
    expect(await ann.release({ ...first, token: first.token - 1n })).toMatchObject({
      outcome: ReleaseOutcome.NOT_HOLDER,
    });
    expect(await ann.release(first)).toMatchObject({ outcome: ReleaseOutcome.RELEASED });
    expect(await ann.release(second)).toMatchObject({ outcome: ReleaseOutcome.ALREADY_RELEASED });
  });

  test("but the present one changes nothing else [LOCK-88]", async () => {
    const old = await ann.take(upgradable("a"));
    const { token } = grantedOf(await ann.convert(old, "a", EXCLUSIVE));
    expect(await ann.convert(old, "a", SHARED)).toMatchObject({ case: "notHeld" });
    expect(await ann.setValue(old, "x")).toMatchObject({ notHeld: {} });
    const waiting = await ben.wait("a");
    expect(await ann.transfer(old, ben, waiting)).toMatchObject({ case: "notHeld" });
    expect((await world.lock("a")).holders).toMatchObject([{ token, mode: EXCLUSIVE }]);
  });
});
