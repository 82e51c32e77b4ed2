import { KeyState, LossReason, ReleaseOutcome } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type Client, getLock, open } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

function people(ttlMs = 10_000): { world: World; ann: Client; ben: Client } {
  const world = new World();
  return { world, ann: open(world, { ttlMs }), ben: open(world, { ttlMs: 3_600_000 }) };
}

function stateOf(world: World, key = "a"): KeyState {
  return getLock(world, key).state;
}

describe("A longest time", () => {
  it("ends a hold when it is over, whatever is renewed, and not before [LOCK-105]", () => {
    const { world, ann, ben } = people();
    const { holdId, token } = ann.lock("a", { maxHoldMs: 3_000 });
    ben.queue("a");
    expect(getLock(world, "a").holders).toMatchObject([{ maxHoldRemainingMs: 3_000n }]);
    world.advance(2_999);
    ann.keepAlive();
    expect(ann.get().holds).toMatchObject([{ maxHoldRemainingMs: 1n }]);
    const events = world.advance(1);
    expect(events[0]?.body).toMatchObject({
      case: "lockLost",
      value: { holdId, token, reason: LossReason.MAX_HOLD, delayed: true, immediate: false },
    });
    expect(events).toHaveLength(1);
    expect(ann.keepAlive().sessionRevision).toBe(events[0]?.revision);
    expect(ann.release({ holdId, token })).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.MAX_HOLD,
    });
    expect(getLock(world, "a").holders).toMatchObject([{ sessionId: ben.id }]);
  });

  it("is forgotten with its hold", () => {
    const { world, ann } = people(60_000);
    ann.release(ann.lock("a", { maxHoldMs: 3_000 }));
    ann.lock("a");
    world.advance(3_000);
    expect(stateOf(world)).toBe(KeyState.HELD);
  });

  it("never counts more than was served, though what is written is cut to whole milliseconds [REC-20]", () => {
    const { world, ann } = people(60_000);
    ann.lock("a", { maxHoldMs: 20_000 });
    world.advance(5_000.75);
    world.advance(5_000.25);
    world.restart();
    expect(ann.get().holds).toMatchObject([{ maxHoldRemainingMs: 15_000n }]);
  });

  it("counts only time that is served, and goes on after a restart [LOCK-105, REC-20]", () => {
    const { world, ann } = people(60_000);
    ann.lock("a", { maxHoldMs: 20_000 });
    world.advance(5_000);
    world.advance(5_000);
    world.advance(4_000);
    world.restart();
    expect(ann.get().holds).toMatchObject([{ maxHoldRemainingMs: 15_001n }]);
    world.advance(5_000);
    world.advance(1_000);
    world.restart();
    world.advance(10_000);
    expect(stateOf(world)).toBe(KeyState.HELD);
    world.advance(1);
    expect(stateOf(world)).not.toBe(KeyState.HELD);
  });

  it("of a waiter runs from its grant", () => {
    const { world, ann, ben } = people();
    const lock = ann.lock("a");
    ben.queue("a", { maxHoldMs: 1_000 });
    world.advance(5_000);
    ann.release(lock);
    world.advance(999);
    expect(stateOf(world)).toBe(KeyState.HELD);
    world.advance(1);
    expect(stateOf(world)).toBe(KeyState.DELAYED);
  });
});
