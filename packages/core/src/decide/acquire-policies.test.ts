import { DeniedReason, LockMode, LossReason, OnLossAction } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import type { KeyPolicy } from "../state/policies.ts";
import { type Client, forceRelease, getLock, open, setPolicy } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

function people(...policies: Partial<KeyPolicy>[]): { world: World; ann: Client; ben: Client } {
  const world = new World();
  for (const policy of policies) setPolicy(world, policy);
  return { world, ann: open(world), ben: open(world) };
}

/** The terms of the grant that was made last. */
function lastTerms(world: World) {
  const body = world.events.findLast(({ body }) => body.case === "lockGranted")?.body;
  return body?.case === "lockGranted" ? body.value.terms : undefined;
}

describe("The terms of a grant", () => {
  it("are those that were asked for when no policy says more", () => {
    const { world, ann } = people();
    ann.lock("a");
    expect(lastTerms(world)).toBeUndefined();
    ann.lock("b", {
      maxHoldMs: 5_000,
      onLoss: OnLossAction.DELAY,
      delayMs: 7_000,
      value: new Uint8Array([1, 2]),
      metadata: { pod: "7" },
    });
    expect(lastTerms(world)).toMatchObject({
      maxHoldMs: 5_000n,
      onLoss: { action: OnLossAction.DELAY, delayMs: 7_000n },
      value: new Uint8Array([1, 2]),
      metadata: { pod: "7" },
    });
    expect(getLock(world, "b").holders).toMatchObject([
      { value: new Uint8Array([1, 2]), metadata: { pod: "7" }, maxHoldRemainingMs: 5_000n },
    ]);
  });

  it("are the strictest of request and policies over all keys [LOCK-106, LOCK-185]", () => {
    const { world, ann } = people(
      { keyPrefix: "a", maxHoldMs: 9_000, lockDelayMs: 2_000 },
      { keyPrefix: "b", maxHoldMs: 4_000, lockDelayMs: 8_000 },
    );
    ann.lock(["c", "a", "b"], { maxHoldMs: 6_000, onLoss: OnLossAction.DELAY, delayMs: 3_000 });
    expect(lastTerms(world)).toMatchObject({
      maxHoldMs: 4_000n,
      onLoss: { action: OnLossAction.DELAY, delayMs: 8_000n },
    });
    ann.lock("a1", { maxHoldMs: 6_000, onLoss: OnLossAction.DELAY, delayMs: 3_000 });
    expect(lastTerms(world)).toMatchObject({ maxHoldMs: 6_000n, onLoss: { delayMs: 3_000n } });
    ann.lock("c1");
    expect(lastTerms(world)).toBeUndefined();
  });

  it("add a policy's delay to a quarantine that was asked for", () => {
    const { world, ann } = people({ lockDelayMs: 2_000 });
    const { token } = ann.lock("a", { onLoss: OnLossAction.QUARANTINE });
    expect(lastTerms(world)).toMatchObject({
      onLoss: { action: OnLossAction.QUARANTINE, delayMs: 2_000n },
    });
    forceRelease(world, "a", token);
    expect(world.events.at(-1)?.body.value).toMatchObject({
      lockDelayMs: 2_000n,
      quarantined: true,
    });
  });

  it("are fixed by the grant, of a waiter by the policies of that moment [LOCK-107, LOCK-182]", () => {
    const { world, ann, ben } = people({ maxHoldMs: 9_000 });
    const lock = ann.lock("a");
    ben.queue("a", { value: new Uint8Array([7]) });
    setPolicy(world, { maxHoldMs: 2_000, lockDelayMs: 1_000 });
    expect(getLock(world, "a").holders).toMatchObject([{ maxHoldRemainingMs: 9_000n }]);
    ann.release(lock);
    expect(lastTerms(world)).toMatchObject({
      maxHoldMs: 2_000n,
      onLoss: { action: OnLossAction.DELAY, delayMs: 1_000n },
      value: new Uint8Array([7]),
    });
    world.advance(2_000);
    expect(world.events.at(-1)?.body.value).toMatchObject({
      reason: LossReason.MAX_HOLD,
      lockDelayMs: 1_000n,
    });
  });

  it("let a value go with its hold [LOCK-95]", () => {
    const { world, ann } = people();
    const value = new Uint8Array([1]);
    ann.release(ann.lock("a", { value, metadata: { pod: "7" } }));
    forceRelease(world, "b", ann.lock("b", { value, metadata: { pod: "7" } }).token);
    const session = world.state.sessions.get(ann.id);
    const released = session?.released.values().next().value;
    expect(Object.keys(released ?? {})).toEqual([
      "id",
      "token",
      "earlierTokens",
      "sessionId",
      "end",
    ]);
    const lost = session?.lost.values().next().value?.hold;
    expect([lost?.value.length, lost?.metadata]).toEqual([0, {}]);
  });
});

describe("The bounds of a policy", () => {
  it("deny what would make a queue too long [LOCK-26]", () => {
    const { world, ann, ben } = people({ keyPrefix: "a", maxWaiters: 1 });
    ann.lock(["a", "b"]);
    ben.queue("a");
    const full = ben.acquire(["b", "a"], { waitMs: 9 });
    expect(full).toMatchObject({ reason: DeniedReason.QUEUE_FULL });
    expect(full.case === "denied" && full.retryAfterMs).toBeGreaterThan(0n);
    expect(ben.acquire("a")).toMatchObject({ reason: DeniedReason.CONTENDED });
    ben.queue("b");
    setPolicy(world, { keyPrefix: "a", maxWaiters: 9_999_999 });
    ben.queue("a");
  });

  it("never exceed the limits of the server", () => {
    const world = new World({ limits: { max_waiters_per_key: 1, max_wait_ms: 500 } });
    setPolicy(world, { maxWaiters: 5, maxWaitMs: 900 });
    const [ann, ben] = [open(world), open(world)];
    ann.lock("a");
    ben.queue("a");
    expect(ben.acquire("a", { waitMs: 9 })).toMatchObject({ reason: DeniedReason.QUEUE_FULL });
    world.advance(500);
    expect(getLock(world, "a").queueLength).toBe(0);
  });

  it("count a longer wait as the shortest of the keys' policies [LOCK-24]", () => {
    const { ann, ben } = people(
      { keyPrefix: "a", maxWaitMs: 2_000 },
      { keyPrefix: "b", maxWaitMs: 700 },
    );
    ann.lock(["a", "b", "c"]);
    const wait = (keys: string[], waitMs: number) =>
      ben.acquire(keys, { waitMs, answerQueued: true });
    expect(wait(["a", "b", "c"], 9_000)).toMatchObject({ waitRemainingMs: 700n });
    expect(wait(["a"], 9_000)).toMatchObject({ waitRemainingMs: 2_000n });
    expect(wait(["a"], 300)).toMatchObject({ waitRemainingMs: 300n });
    expect(wait(["c"], 9_000)).toMatchObject({ waitRemainingMs: 9_000n });
  });

  it("act on nobody who waits or holds, but for permits [LOCK-184]", () => {
    const { world, ann, ben } = people({ permits: 4 });
    const mode = LockMode.PERMITS;
    ann.lock("p", { mode, permits: 3 });
    setPolicy(world, { permits: 2 });
    expect(getLock(world, "p").holders).toMatchObject([{ permits: 3 }]);
    expect(ben.acquire("p", { mode, permits: 1 })).toMatchObject({
      reason: DeniedReason.CONTENDED,
    });
  });
});

describe("A hint when to try again", () => {
  it("follows the times locks are held and the length of the queue [LOCK-30]", () => {
    const { world, ann, ben } = people();
    const hint = (): number => {
      const denied = ben.acquire("a");
      return Number(denied.case === "denied" && denied.retryAfterMs);
    };
    for (let i = 0; i < 40; i++) {
      const lock = ann.lock("a");
      world.pass(1_000);
      ann.release(lock);
      for (const client of [ann, ben]) client.keepAlive();
    }
    ann.lock("a");
    expect(hint()).toBeGreaterThan(700);
    expect(hint()).toBeLessThan(1_300);
    for (let i = 0; i < 9; i++) ann.queue("a");
    expect(hint()).toBeGreaterThan(7_000);
    expect(hint()).toBeLessThan(13_000);
    for (let i = 0; i < 200; i++) ann.queue("a");
    expect(hint()).toBeLessThanOrEqual(60_000);
  });

  it("is at least 10 ms, and not the same for all who are denied together", () => {
    const { world, ann, ben } = people();
    for (let i = 0; i < 60; i++) ann.release(ann.lock("a"));
    ann.lock("a");
    const hints = new Set<bigint>();
    const clients = [ben, ...Array.from({ length: 50 }, () => open(world))];
    for (const client of clients) {
      const denied = client.acquire("a");
      if (denied.case === "denied") hints.add(denied.retryAfterMs);
    }
    for (const hint of hints) expect(hint).toBeGreaterThanOrEqual(10n);
    expect(hints.size).toBeGreaterThan(3);
  });
});
