import { DelayEndCause, ErrorReason, LossReason, ReleaseOutcome } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import type { Grant } from "../state/outcome.ts";
import { LOST_HOLDS_MAX, RELEASED_HOLDS_MAX } from "../state/session.ts";
import { forceRelease, getLock, open, refused, revoke } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

function pair(options = {}) {
  const world = new World(options);
  return { world, ann: open(world), ben: open(world) };
}

describe("Release", () => {
  it("ends the hold and grants the key to the next waiter [LOCK-65]", () => {
    const { world, ann, ben } = pair();
    const lock = ann.lock("a");
    const ticketId = ben.queue("a");
    expect(ann.release(lock).outcome).toBe(ReleaseOutcome.RELEASED);
    const [released, granted] = world.batches.at(-1) ?? [];
    expect(released).toMatchObject({ causeRequestId: 2n, body: { case: "lockReleased" } });
    expect(granted).toMatchObject({ causeRequestId: 0n, body: { value: { ticketId } } });
  });

  it("gives a repeat the same outcome, and a second request ALREADY_RELEASED [GEN-62, LOCK-67]", () => {
    const { world, ann } = pair();
    const lock = ann.lock("a", { requestId: 1n });
    ann.release(lock, { requestId: 2n });
    const { revision } = world.state;
    expect(ann.release(lock, { requestId: 2n }).outcome).toBe(ReleaseOutcome.RELEASED);
    expect(ann.release(lock, { requestId: 3n }).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
    expect(world.state.revision).toBe(revision);
  });

  it("touches no newer hold of the same key and owner [LOCK-70]", () => {
    const { world, ann } = pair();
    const older = ann.lock("a", { owner: "job" });
    ann.release(older);
    const newer = ann.lock("a", { owner: "job" });
    expect(ann.release(older).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
    expect(getLock(world, "a").holders[0]?.holdId).toBe(newer.holdId);
  });

  it("needs both numbers of the hold [LOCK-69]", () => {
    const { world, ann } = pair();
    const { holdId, token } = ann.lock("a");
    for (const wrong of [
      { holdId, token: token - 1n },
      { holdId, token: token + 1n },
      { holdId: holdId + 1n, token },
    ]) {
      expect(ann.release(wrong).outcome).toBe(ReleaseOutcome.NOT_HOLDER);
    }
    ann.release({ holdId, token });
    expect(ann.release({ holdId, token: token + 1n }).outcome).toBe(ReleaseOutcome.NOT_HOLDER);
    expect(getLock(world, "a").holders).toEqual([]);
  });

  it("does not end the hold of another session [LOCK-69]", () => {
    const { world, ann, ben } = pair();
    const lock = ann.lock("a");
    expect(ben.release(lock).outcome).toBe(ReleaseOutcome.NOT_HOLDER);
    expect(getLock(world, "a").holders).toHaveLength(1);
  });

  it("forgets holds it has released, but not the last ones [LOCK-73, LOCK-69]", () => {
    const { ann } = pair();
    const first = ann.lock("a");
    ann.release(first);
    for (let i = 1; i < RELEASED_HOLDS_MAX; i++) ann.release(ann.lock("a"));
    expect(ann.release(first).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
    ann.release(ann.lock("a"));
    expect(ann.release(first).outcome).toBe(ReleaseOutcome.NOT_HOLDER);
  });

  it("is refused for an id that was used for something else or confirmed [GEN-63, GEN-66]", () => {
    const { world, ann } = pair();
    const lock = ann.lock("a", { requestId: 1n });
    const reused = refused(() => ann.release(lock, { requestId: 1n }));
    expect(reused.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    const confirmed = refused(() => ann.release(lock, { requestId: 2n, answered: [2n] }));
    expect(confirmed.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
    expect(getLock(world, "a").holders).toHaveLength(1);
  });

  it("is never refused for replies that were not confirmed, nor for a full disk [GEN-69, GEN-53]", () => {
    const { world, ann } = pair({ limits: { max_unanswered: 1 } });
    const lock = ann.lock("a");
    world.storageLow = true;
    expect(ann.release(lock).outcome).toBe(ReleaseOutcome.RELEASED);
    for (let i = 0; i < 5; i++) {
      expect(ann.release(lock).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
    }
    expect(world.state.sessions.get(ann.id)?.outcomes.size).toBe(2);
  });
});

describe("Release of a lost hold", () => {
  it("says why it was lost and confirms the loss: the delay ends [LOCK-68, LOCK-112, SES-24, LOCK-120]", () => {
    const { world, ann, ben } = pair();
    const lock = ann.lock("a");
    const ticketId = ben.queue("a");
    forceRelease(world, "a", lock.token);
    const reply = ann.release(lock);
    expect(reply).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.FORCE_RELEASED,
    });
    const [ended, granted] = world.batches.at(-1) ?? [];
    expect(ended?.body).toMatchObject({ value: { cause: DelayEndCause.CONFIRMED } });
    expect(granted?.body).toMatchObject({ case: "lockGranted", value: { ticketId } });
  });

  it("with a wrong token confirms nothing [LOCK-69]", () => {
    const { world, ann } = pair();
    const lock = ann.lock("a");
    forceRelease(world, "a", lock.token);
    const wrong = { holdId: lock.holdId, token: lock.token + 1n };
    expect(ann.release(wrong).outcome).toBe(ReleaseOutcome.NOT_HOLDER);
    expect(getLock(world, "a").delays).toHaveLength(1);
  });

  it("says so until the loss is confirmed, however much was released since [LOCK-68]", () => {
    const { world, ann } = pair();
    const lock = ann.lock("a");
    forceRelease(world, "a", lock.token);
    for (let i = 0; i <= RELEASED_HOLDS_MAX; i++) ann.release(ann.lock("b"));
    expect(ann.release(lock).outcome).toBe(ReleaseOutcome.LOST);
    expect(getLock(world, "a").delays).toHaveLength(0);
  });

  it("says so for the last losses of a session, and for every one that still blocks its key", () => {
    const { world, ann } = pair();
    const locks = Array.from({ length: LOST_HOLDS_MAX + 2 }, (_, i) => ann.lock(`key ${i}`));
    const [gone, delayed, last] = [locks[0], locks[1], locks.at(-1)] as [Grant, Grant, Grant];
    locks.forEach(({ token }, i) => {
      forceRelease(world, `key ${i}`, token);
      if (i === 0) ann.keepAlive(world.durableRevision);
    });
    expect(ann.release(gone).outcome).toBe(ReleaseOutcome.NOT_HOLDER);
    expect(ann.release(delayed).outcome).toBe(ReleaseOutcome.LOST);
    expect(ann.release(last).outcome).toBe(ReleaseOutcome.LOST);
  });

  it("has an outcome that survives recovery with the event it made [GEN-70]", () => {
    const { world, ann } = pair();
    const lock = ann.lock("a", { requestId: 1n });
    forceRelease(world, "a", lock.token);
    ann.release(lock, { requestId: 2n });
    world.restart();
    const reused = refused(() => ann.acquire("b", { requestId: 2n }));
    expect(reused.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    expect(ann.release(lock, { requestId: 2n }).outcome).toBe(ReleaseOutcome.LOST);
  });

  it("answers from an expired session, also of holds that are long over [SES-23, SES-21]", () => {
    const { world, ann } = pair();
    const released = ann.lock("a");
    ann.release(released);
    const lost = ann.lock("a");
    world.advance(15_000);
    expect(ann.release(released).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
    expect(ann.release(lost)).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.SESSION_EXPIRED,
    });
    world.advance(3_600_000);
    expect(refused(() => ann.release(lost)).reason).toBe(ErrorReason.SESSION_UNKNOWN);
  });

  it("remembers all that an expired session held [SES-23]", () => {
    const { world, ann } = pair();
    const locks = Array.from({ length: RELEASED_HOLDS_MAX + 2 }, (_, i) => ann.lock(`key ${i}`));
    world.advance(15_000);
    for (const lock of locks) expect(ann.release(lock).outcome).toBe(ReleaseOutcome.LOST);
  });

  it("ends the delay of a session that has ended [SES-23, SES-24]", () => {
    const { world, ann } = pair();
    const lock = ann.lock("a");
    revoke(world, ann.id);
    expect(ann.release(lock)).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.SESSION_REVOKED,
    });
    expect(getLock(world, "a").delays).toHaveLength(0);
  });
});
