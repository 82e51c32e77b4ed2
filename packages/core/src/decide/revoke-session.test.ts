import { create } from "@bufbuild/protobuf";
import {
  ErrorReason,
  KeyState,
  LossReason,
  OnLossAction,
  ReleaseOutcome,
  RevokeSessionRequestSchema,
  type Session,
  SessionState,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { RefusalCode } from "../refusal.ts";
import { getLock, open, refused, revoke } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

function revoked(world: World, sessionId: bigint): Session | undefined {
  const request = create(RevokeSessionRequestSchema, { sessionId, reason: "gone mad" });
  return world.reply({ kind: "revokeSession", principal: "operator", request }).session;
}

describe("RevokeSession", () => {
  it("ends the session and all it has, and tells it as it is then [LOCK-173]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ben.lock("b");
    ann.lock("a");
    ann.queue("b");
    const session = revoked(world, ann.id);
    expect(session).toMatchObject({
      sessionId: ann.id,
      state: SessionState.REVOKED,
      holdCount: 0,
      ticketCount: 0,
      remainingMs: 0n,
      endedAtMs: BigInt(world.now.unixMs),
    });
    expect(world.batches.at(-1)?.map(({ body }) => body.case)).toEqual([
      "sessionEnded",
      "ticketEnded",
      "lockLost",
    ]);
    expect(world.batches.at(-1)?.[0]).toMatchObject({ actor: "operator", reason: "gone mad" });
    expect(revoked(world, ann.id)).toEqual(session);
    expect(refused(() => ann.get()).reason).toBe(ErrorReason.SESSION_REVOKED);
  });

  it("leaves its keys blocked until its client must have noticed [LOCK-111]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 10_000 });
    ann.lock("a");
    world.pass(4_000);
    revoke(world, ann.id);
    expect(getLock(world, "a")).toMatchObject({
      state: KeyState.DELAYED,
      delays: [{ reason: LossReason.SESSION_REVOKED, unconfirmed: true, remainingMs: 6_000n }],
    });
    world.advance(6_000);
    expect(getLock(world, "a").state).toBe(KeyState.FREE);
  });

  it("brings what the holds were taken with beside that [LOCK-117]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 10_000 });
    ann.lock("a", { onLoss: OnLossAction.DELAY, delayMs: 30_000 });
    ann.lock("b", { onLoss: OnLossAction.QUARANTINE });
    revoke(world, ann.id);
    world.advance(29_999);
    expect(getLock(world, "a").state).toBe(KeyState.DELAYED);
    world.advance(1);
    expect(getLock(world, "a").state).toBe(KeyState.FREE);
    expect(getLock(world, "b").state).toBe(KeyState.QUARANTINED);
  });

  it("is confirmed by the Release of its client, who is told", () => {
    const world = new World();
    const ann = open(world);
    const held = ann.lock("a");
    revoke(world, ann.id);
    expect(ann.release(held)).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.SESSION_REVOKED,
    });
    expect(getLock(world, "a").state).toBe(KeyState.FREE);
  });

  it("of a session that has ended is answered as done, without an event [LOCK-173]", () => {
    const world = new World();
    const ann = open(world);
    ann.close();
    const before = world.state.revision;
    expect(revoked(world, ann.id)).toMatchObject({ state: SessionState.CLOSED });
    expect(world.state.revision).toBe(before);
  });

  it("of a session that is not known is refused [LOCK-173]", () => {
    const refusal = refused(() => revoked(new World(), 99n));
    expect(refusal).toMatchObject({
      code: RefusalCode.NOT_FOUND,
      reason: ErrorReason.NO_SUCH_SESSION,
    });
  });
});
