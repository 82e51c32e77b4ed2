import {
  type Granted,
  KeyState,
  LossReason,
  OnLossAction,
  ReleaseOutcome,
} from "@lockstep/protocol";
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

const delayOf = (delayMs: bigint) => ({ onLoss: { action: OnLossAction.DELAY, delayMs } });
const stateOf = async (key: string) => (await world.lock(key)).state;

/** Ways to lose a hold. What the client may still believe is over at once in each. */
const losses: [LossReason, (holder: Actor, held: Granted) => Promise<unknown>][] = [
  [LossReason.SESSION_EXPIRED, () => world.advance(0)],
  [LossReason.SESSION_REVOKED, (holder) => world.revoke(holder)],
  [LossReason.FORCE_RELEASED, (_, held) => world.force("a", held)],
  [LossReason.MAX_HOLD, () => world.advance(0)],
];

/** Loses a lock of `a` in this way, one minute after it was taken, and lets its client be told. */
async function lost(reason: LossReason, terms: object): Promise<Granted> {
  const [, lose] = losses.find(([one]) => one === reason) ?? [];
  const holder = await world.actor(reason === LossReason.SESSION_EXPIRED ? 60_000n : undefined);
  const more = reason === LossReason.MAX_HOLD ? { maxHoldMs: 60_000n } : {};
  const held = await holder.take("a", { ...terms, ...more });
  await world.advance(60_000);
  await lose?.(holder, held);
  if (reason === LossReason.FORCE_RELEASED || reason === LossReason.MAX_HOLD) {
    await holder.keepAlive(await world.revision());
  }
  return held;
}

describe("a longest hold", () => {
  test("ends the hold when it is over and not before, whatever is done meanwhile [LOCK-105]", async () => {
    const owner = "job";
    const held = await ann.take(upgradable("a"), { maxHoldMs: 60_000n, owner });
    await world.advance(50_000);
    await ann.keepAlive();
    await ann.take(upgradable("a"), { maxHoldMs: 60_000n, owner, reentrancy: 2 });
    await ann.convert(held, "a", 1);
    await world.advance(9_999);
    expect(await stateOf("a")).toBe(KeyState.HELD);
    await world.advance(1);
    expect((await world.lock("a")).holders).toEqual([]);
    expect(await ann.release(held)).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.MAX_HOLD,
    });
  });

  test("is the smallest of what request and policies say [LOCK-106, LOCK-185]", async () => {
    await world.policy("a", { maxHoldMs: 30_000n });
    await world.policy("b", { maxHoldMs: 20_000n });
    const cases: [string[], bigint, number][] = [
      [["a", "b", "c"], 0n, 20_000],
      [["a", "c"], 0n, 30_000],
      [["a"], 10_000n, 10_000],
      [["a"], 40_000n, 30_000],
      [["c"], 15_000n, 15_000],
    ];
    for (const [keys, maxHoldMs, expectedMs] of cases) {
      const held = await ann.take(keys, { maxHoldMs });
      await world.advance(expectedMs - 1);
      expect(await stateOf(keys[0] ?? "")).toBe(KeyState.HELD);
      await world.advance(1);
      expect((await world.lock(keys[0] ?? "")).holders).toEqual([]);
      await ann.release(held);
    }
    await ann.take("c");
    await world.advance(3_000_000);
    expect(await stateOf("c")).toBe(KeyState.HELD);
  });

  test("and the lock delay stay as they were granted when the policy changes [LOCK-107, LOCK-182]", async () => {
    await world.policy("", { maxHoldMs: 30_000n, lockDelayMs: 40_000n });
    const held = await ann.take("a");
    await world.policy("", { maxHoldMs: 1_000n, lockDelayMs: 1_000n });
    await world.advance(29_999);
    expect(await stateOf("a")).toBe(KeyState.HELD);
    await world.advance(1);
    await ann.keepAlive(await world.revision());
    await world.advance(39_999);
    expect(await stateOf("a")).toBe(KeyState.DELAYED);
    await world.advance(1);
    expect(await stateOf("a")).toBe(KeyState.FREE);
    await ben.take("a");
    await world.advance(1_000);
    expect((await world.lock("a")).holders).toEqual([]);
    expect(held.token).toBeGreaterThan(0n);
  });
});

describe("a delay that was asked for", () => {
  test.each(losses.map(([reason]) => ({ reason, name: LossReason[reason] })))(
    "runs from the loss by $name [LOCK-115, LOCK-117]",
    async ({ reason }) => {
      const { holdId } = await lost(reason, delayOf(20_000n));
      await world.advance(19_999);
      // Asked for by the hold, and running beside what the client may believe.
      expect(await stateOf("a")).toBe(KeyState.DELAYED);
      expect((await world.lock("a")).delays).toMatchObject([{ holdId, reason }]);
      // Nobody can tell the client of a revoked session that it is over.
      if (reason === LossReason.SESSION_REVOKED) return;
      await world.advance(1);
      expect(await stateOf("a")).toBe(KeyState.FREE);
    },
  );

  test("is the longer one of the request's and the policies' [LOCK-115, LOCK-185]", async () => {
    await world.policy("a", { lockDelayMs: 10_000n });
    await world.policy("b", { lockDelayMs: 30_000n });
    const cases: [string[], object, number][] = [
      [["a"], {}, 10_000],
      [["a"], delayOf(20_000n), 20_000],
      [["a"], delayOf(5_000n), 10_000],
      [["a", "b"], {}, 30_000],
    ];
    for (const [keys, terms, expectedMs] of cases) {
      const held = await ann.take(keys, terms);
      await world.force("a", held);
      await ann.keepAlive(await world.revision());
      await world.advance(expectedMs - 1);
      expect(await stateOf("a")).toBe(KeyState.DELAYED);
      await world.advance(1);
      expect(await stateOf("a")).toBe(KeyState.FREE);
    }
  });

  test("and what the client may believe have both to be over [LOCK-115]", async () => {
    const holder = await world.actor(60_000n);
    const held = await holder.take("a", delayOf(10_000n));
    await world.force("a", held);
    await world.advance(10_000);
    expect(await stateOf("a")).toBe(KeyState.DELAYED);
    await holder.keepAlive(await world.revision());
    expect(await stateOf("a")).toBe(KeyState.FREE);
  });

  test("goes on although the client knows; its Release and its Close end it [LOCK-116]", async () => {
    for (const end of ["release", "close"] as const) {
      const holder = await world.actor();
      const held = await holder.take("a", delayOf(600_000n));
      await world.force("a", held);
      await holder.keepAlive(await world.revision());
      expect(await stateOf("a")).toBe(KeyState.DELAYED);
      if (end === "release") await holder.release(held);
      else await holder.close();
      expect(await stateOf("a")).toBe(KeyState.FREE);
    }
  });

  test("is none after a release, a close or a transfer [LOCK-117]", async () => {
    const terms = { onLoss: { action: OnLossAction.QUARANTINE } };
    await world.policy("", { lockDelayMs: 60_000n });
    await ann.release(await ann.take("a", terms));
    expect(await stateOf("a")).toBe(KeyState.FREE);
    await ann.take("a", terms);
    await ann.close();
    expect(await stateOf("a")).toBe(KeyState.FREE);
  });

  test("blocks just what the lost hold blocked [LOCK-118, LOCK-119]", async () => {
    await world.policy("pool/", { permits: 3 });
    const read = await ann.take([shared("a"), permits("pool/a", 2)], delayOf(600_000n));
    await world.force("a", read);
    await ann.keepAlive(await world.revision());
    await ben.take(shared("a"));
    await ben.take(permits("pool/a", 1));
    expect(await carl.acquire(permits("pool/a", 1))).toMatchObject({ case: "denied" });
    expect(await carl.acquire("b")).toMatchObject({ case: "granted" });
    const upgrading = await carl.take(upgradable("a"));
    expect(await carl.convert(upgrading, "a", 1)).toMatchObject({ case: "denied" });
    expect((await world.lock("a")).delays).toMatchObject([{ mode: 2 }]);
    expect(await ben.acquire("a", { waitMs: 1_000n })).toMatchObject({ case: "queued" });
  });

  test("is skipped by an operator who says so, beforehand and afterwards [LOCK-121]", async () => {
    const first = await ann.take("a", delayOf(600_000n));
    await world.force("a", first, true);
    expect(await stateOf("a")).toBe(KeyState.FREE);
    const losses = (await world.bodies()).filter((body) => body.case === "lockLost");
    expect(losses).toMatchObject([{ value: { immediate: true } }]);
    const second = await ann.take("a", delayOf(600_000n));
    const waiting = await ben.wait("a");
    await world.force("a", second);
    expect(await stateOf("a")).toBe(KeyState.DELAYED);
    await world.force("a", second, true);
    expect(await ben.again(waiting)).toMatchObject({ case: "granted" });
    const lastLoss = (await world.bodies()).findLast(({ case: kind }) => kind === "lockLost");
    expect(lastLoss?.value).toMatchObject({ immediate: false });
  });
});

describe("while only a delay is in the way", () => {
  test("who does not want to wait is denied LOCK_DELAY [LOCK-22]", async () => {
    const held = await ann.take("a", delayOf(10_000n));
    await world.force("a", held);
    await ann.keepAlive(await world.revision());
    expect(await ben.acquire("a")).toMatchObject(denied("LOCK_DELAY"));
  });
});
