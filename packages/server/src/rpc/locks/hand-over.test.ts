import { HoldEnd, KeyState, LockMode, LossReason, ReleaseOutcome } from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Actor, grantedOf, LockWorld, shared } from "../../testing-support/lock-world.ts";

let world: LockWorld;
let ann: Actor;
let ben: Actor;
let carl: Actor;
beforeEach(async () => {
  world = await LockWorld.start();
  [ann, ben, carl] = await world.people();
});
afterEach(() => world.close());

const text = (bytes: Uint8Array | undefined) => Buffer.from(bytes ?? []).toString();

describe("a transfer", () => {
  test("grants the waiter it names, before all others, as a new hold [LOCK-90, LOCK-67]", async () => {
    const held = await ann.take(["a", shared("b")]);
    const first = await ben.wait("a");
    const chosen = await carl.wait([shared("b"), "a"]);
    const given = grantedOf(await ann.transfer(held, carl, chosen));
    expect(given.holdId).not.toBe(held.holdId);
    expect(given.token).toBeGreaterThan(held.token);
    expect(await carl.again(chosen)).toMatchObject({ granted: { token: given.token } });
    expect(await ben.again(first)).toMatchObject({ case: "queued" });
    expect((await world.lock("a")).holders).toMatchObject([{ sessionId: carl.id }]);
    expect(await ann.release(held)).toMatchObject({ outcome: ReleaseOutcome.ALREADY_RELEASED });
    expect(await ann.convert(held, "a", LockMode.SHARED)).toMatchObject({
      notHeld: { end: HoldEnd.TRANSFERRED },
    });
  });

  test("to nobody who waits for just that changes nothing [LOCK-91]", async () => {
    const held = await ann.take(["a", "b"]);
    const fewer = await ben.wait("a");
    const otherMode = await ben.wait([shared("a"), "b"]);
    const same = await carl.wait(["a", "b"]);
    await carl.cancel(same);
    const tries: [Actor, bigint][] = [
      [ben, fewer],
      [ben, otherMode],
      [carl, same],
      [carl, 99n],
      [ann, 1n],
    ];
    const revision = await world.revision();
    for (const [to, id] of tries) {
      expect(await ann.transfer(held, to, id)).toMatchObject({ reason: "NO_SUCH_WAITER" });
    }
    const bodies = await world.bodies(revision);
    expect(bodies).toEqual([]);
    expect((await world.lock("a")).holders).toMatchObject([{ holdId: held.holdId }]);
  });

  test("puts the new hold under the terms of its own request [LOCK-92]", async () => {
    const held = await ann.take("a", { maxHoldMs: 5_000n, value: Buffer.from("ann") });
    const chosen = await ben.wait("a", { maxHoldMs: 20_000n, value: Buffer.from("ben") });
    await world.advance(4_000);
    grantedOf(await ann.transfer(held, ben, chosen));
    const [holder] = (await world.lock("a")).holders;
    expect(text(holder?.value)).toBe("ben");
    await world.advance(19_999);
    expect((await world.lock("a")).state).toBe(KeyState.HELD);
    await world.advance(1);
    expect((await world.lock("a")).holders).toEqual([]);
    const lost = (await world.bodies()).find(({ case: kind }) => kind === "lockLost");
    expect(lost?.value).toMatchObject({ sessionId: ben.id, reason: LossReason.MAX_HOLD });
  });

  test("gives away whatever the hold counts, without a delay [LOCK-93, LOCK-117]", async () => {
    await world.policy("", { lockDelayMs: 60_000n });
    const owner = "job";
    const onLoss = { action: 3 };
    const held = await ann.take("a", { owner, onLoss });
    await ann.take("a", { owner, onLoss, reentrancy: 2 });
    const chosen = await ben.wait("a");
    expect(await ann.transfer(held, ben, chosen)).toMatchObject({ granted: { count: 1 } });
    const { state, delays } = await world.lock("a");
    expect([state, delays]).toEqual([KeyState.HELD, []]);
  });
});

describe("the value of a lock", () => {
  test("is shown while it is held, as it was last set, and not longer [LOCK-95]", async () => {
    const held = await ann.take("a", { value: Buffer.from("first") });
    const shown = async () => text((await world.lock("a")).holders[0]?.value);
    expect(await shown()).toBe("first");
    expect((await ann.setValue(held, "second")).notHeld).toBeUndefined();
    expect(await shown()).toBe("second");
    const { locks } = await ann.locks.listLocks({ namespace: "default" });
    expect(text(locks[0]?.holders[0]?.value)).toBe("second");
    await ann.release(held);
    expect(await ann.setValue(held, "third")).toMatchObject({ notHeld: { end: HoldEnd.RELEASED } });
    await ben.take("a");
    expect(await shown()).toBe("");
  });
});

describe("the wish that a lock be released", () => {
  const request = { namespace: "default", key: "a", reason: "deploy" };

  test("takes nothing, needs no session, and is shown to the holder and to all [LOCK-97, LOCK-99, SES-60]", async () => {
    const held = await ann.take("a");
    const { holdIds } = await carl.locks.requestRelease(request);
    expect(holdIds).toEqual([held.holdId]);
    const asked = await world.revision();
    const [holder] = (await world.lock("a")).holders;
    expect(holder).toMatchObject({ holdId: held.holdId, releaseAsked: { reason: "deploy" } });
    const { holds } = await ann.get();
    expect(holds).toMatchObject([{ releaseAsked: { revision: asked, reason: "deploy" } }]);
    expect((await ann.keepAlive()).sessionRevision).toBe(asked);
    expect((await ann.get()).holds).toHaveLength(1);
  });

  test("names one hold or all of a key [LOCK-97]", async () => {
    const first = await ann.take(shared("a"));
    const second = await ben.take(shared("a"));
    const one = await ann.locks.requestRelease({ ...request, token: second.token });
    expect(one.holdIds).toEqual([second.holdId]);
    expect((await ann.get()).holds[0]?.releaseAsked).toBeUndefined();
    const all = await ann.locks.requestRelease(request);
    expect(all.holdIds).toEqual([first.holdId, second.holdId]);
    expect((await ann.locks.requestRelease({ ...request, key: "free" })).holdIds).toEqual([]);
  });

  test("is told once, however often it is asked [LOCK-98]", async () => {
    const held = await ann.take("a");
    await ben.locks.requestRelease(request);
    const revision = await world.revision();
    const again = await ben.locks.requestRelease(request);
    expect(again.holdIds).toEqual([held.holdId]);
    expect(await world.bodies(revision)).toEqual([]);
  });
});
