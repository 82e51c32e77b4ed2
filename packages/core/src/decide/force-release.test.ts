import { DelayEndCause, ErrorReason, KeyState, LossReason, OnLossAction } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, getLock, open, refused } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

describe("ForceRelease", () => {
  it("ends the hold and keeps its key blocked for the rest of the time to live [LOCK-111, LOCK-161]", () => {
    const world = new World();
    const [ann, ben] = [open(world, { ttlMs: 10_000 }), open(world)];
    const { holdId, token } = ann.lock("a");
    const ticketId = ben.queue("a");
    world.pass(4_000);
    expect(forceRelease(world, "a", token, { principal: "root" })).toMatchObject({
      holdId,
      delayRemainingMs: 6_000n,
    });
    expect(world.events.at(-1)).toMatchObject({
      actor: "root",
      reason: "stuck",
      body: {
        case: "lockLost",
        value: { holdId, token, reason: LossReason.FORCE_RELEASED, delayed: true },
      },
    });
    world.advance(5_999);
    expect(getLock(world, "a").delays).toHaveLength(1);
    const ended = world.advance(1).find(({ body }) => body.case === "delayEnded");
    expect(ended?.body.value).toMatchObject({ holdId, cause: DelayEndCause.ELAPSED });
    expect(getLock(world, "a").holders[0]?.sessionId).toBe(ben.id);
    expect(world.state.tickets.has(ticketId)).toBe(false);
  });

  it("counts the delay from the last keep-alive that did not tell the loss [LOCK-111]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 10_000 });
    const { token } = ann.lock("a");
    world.pass(3_000);
    ann.keepAlive();
    world.pass(1_000);
    expect(forceRelease(world, "a", token).delayRemainingMs).toBe(9_000n);
    world.pass(2_000);
    ann.keepAlive();
    expect(forceRelease(world, "a", token).delayRemainingMs).toBe(7_000n);
  });

  it("blocks nothing longer when the holder has not been heard of for its time to live", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 2_000 });
    const { token } = ann.lock("a");
    world.pass(2_500);
    expect(forceRelease(world, "a", token).delayRemainingMs).toBe(0n);
    expect(getLock(world, "a").delays).toHaveLength(1);
    world.tick();
    open(world).lock("a");
  });

  it("leaves the session and its other holds alone", () => {
    const world = new World();
    const ann = open(world);
    const [first, second] = [ann.lock("a"), ann.lock("b")];
    forceRelease(world, "a", first.token);
    expect(ann.get().holds.map(({ holdId }) => holdId)).toEqual([second.holdId]);
  });

  it("answers a repeat as done, while the delay runs and after it [LOCK-171]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 10_000 });
    const { holdId, token } = ann.lock("a");
    forceRelease(world, "a", token);
    const { revision } = world.state;
    world.pass(4_000);
    expect(forceRelease(world, "a", token)).toMatchObject({ holdId, delayRemainingMs: 6_000n });
    expect(world.state.revision).toBe(revision);
    ann.keepAlive(revision);
    const newer = ann.lock("a");
    expect(forceRelease(world, "a", token)).toMatchObject({ holdId, delayRemainingMs: 0n });
    expect(getLock(world, "a").holders[0]?.token).toBe(newer.token);
  });

  it("refuses another token than the holder's, and tells that one [LOCK-170]", () => {
    const world = new World();
    const ann = open(world);
    const older = ann.lock("a");
    ann.release(older);
    const { token } = ann.lock("a");
    for (const wrong of [older.token, token + 1n]) {
      expect(refused(() => forceRelease(world, "a", wrong))).toMatchObject({
        reason: ErrorReason.TOKEN_MISMATCH,
        metadata: { token: String(token) },
      });
    }
    expect(getLock(world, "a").holders).toHaveLength(1);
  });

  it("refuses the token of another key, also one that was force-released there [LOCK-170]", () => {
    const world = new World();
    const ann = open(world);
    const { token } = ann.lock("a");
    expect(refused(() => forceRelease(world, "b", token)).metadata).toEqual({ token: "0" });
    forceRelease(world, "a", token);
    expect(refused(() => forceRelease(world, "b", token)).metadata).toEqual({ token: "0" });
    expect(refused(() => forceRelease(world, "a", token + 1n)).metadata).toEqual({ token: "0" });
  });

  it("does not count a hold that was lost otherwise as done [LOCK-170]", () => {
    const world = new World();
    const { token } = open(world).lock("a");
    world.advance(15_000);
    expect(refused(() => forceRelease(world, "a", token)).reason).toBe(ErrorReason.TOKEN_MISMATCH);
  });
});

describe("ForceRelease with immediate", () => {
  it("frees the keys at once, whatever the hold was taken with, and says so [LOCK-121]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const options = { onLoss: OnLossAction.DELAY, delayMs: 60_000 };
    const { holdId, token } = ann.lock(["a", "b"], options);
    const ticketId = ben.queue("b");
    const reply = forceRelease(world, "a", token, { immediate: true });
    expect(reply).toMatchObject({ holdId, delayRemainingMs: 0n });
    expect(world.batches.at(-1)?.map(({ body }) => body)).toMatchObject([
      { case: "lockLost", value: { delayed: false, lockDelayMs: 0n, immediate: true } },
      { case: "lockGranted", value: { ticketId } },
    ]);
  });

  it("ends both delays of a loss that came before, once [LOCK-121, LOCK-171]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const options = { onLoss: OnLossAction.DELAY, delayMs: 60_000 };
    const { holdId, token } = ann.lock("a", options);
    ben.queue("a");
    forceRelease(world, "a", token);
    forceRelease(world, "a", token, { immediate: true });
    expect(world.batches.at(-1)?.map(({ body }) => body)).toMatchObject([
      { case: "delayEnded", value: { holdId, cause: DelayEndCause.FORCED } },
      { case: "lockGranted", value: { sessionId: ben.id } },
    ]);
    expect(world.batches.at(-1)?.[0]).toMatchObject({ actor: "operator", reason: "stuck" });
    const { revision } = world.state;
    expect(forceRelease(world, "a", token, { immediate: true }).holdId).toBe(holdId);
    expect(world.state.revision).toBe(revision);
  });

  it("quarantines all the same [LOCK-122]", () => {
    const world = new World();
    const { token } = open(world).lock("a", { onLoss: OnLossAction.QUARANTINE });
    forceRelease(world, "a", token, { immediate: true });
    expect(getLock(world, "a")).toMatchObject({ state: KeyState.QUARANTINED, delays: [] });
  });
});
