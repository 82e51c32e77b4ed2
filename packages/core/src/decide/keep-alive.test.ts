import { DelayEndCause, ErrorReason, SessionState } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, getLock, open, refused, secretOf } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

describe("KeepAlive", () => {
  it("renews the session by its full time to live, counted from its receipt [SES-31, SES-40, SES-22]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 2_000 });
    world.advance(1_999);
    ann.keepAlive();
    world.advance(1_999);
    expect(ann.get().session?.remainingMs).toBe(1n);
    world.advance(1);
    expect(refused(() => ann.keepAlive()).reason).toBe(ErrorReason.SESSION_EXPIRED);
  });

  it("makes no event, and echoes the attempt it answers [SES-32]", () => {
    const world = new World();
    const ann = open(world);
    const { revision } = world.state;
    expect(ann.keepAlive(0n, [], 77n)).toMatchObject({ seq: 77n, ttlMs: 15_000n });
    expect(world.state.revision).toBe(revision);
  });

  it("is the only call that renews [SES-30]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 2_000 });
    world.advance(1_999);
    ann.get();
    ann.acquire("k");
    ann.cancel(99n);
    ann.release({ holdId: 99n, token: 99n });
    world.advance(1);
    expect(world.state.sessions.get(ann.id)?.state).toBe(SessionState.EXPIRED);
  });

  it("needs the secret and the principal of the session [SES-6, SES-22]", () => {
    const world = new World();
    const ann = open(world);
    const { caller } = ann;
    ann.caller = { ...caller, secretSha256: secretOf(1) };
    expect(refused(() => ann.keepAlive()).reason).toBe(ErrorReason.SECRET_MISMATCH);
    ann.caller = { ...caller, secretSha256: new Uint8Array(31) };
    expect(refused(() => ann.keepAlive()).reason).toBe(ErrorReason.SECRET_MISMATCH);
    ann.caller = { ...caller, principal: "other" };
    expect(refused(() => ann.keepAlive()).reason).toBe(ErrorReason.SECRET_MISMATCH);
    ann.caller = { ...caller, sessionId: 999n };
    expect(refused(() => ann.keepAlive()).reason).toBe(ErrorReason.SESSION_UNKNOWN);
    ann.caller = { ...caller, secretSha256: undefined };
    expect(ann.keepAlive().ttlMs).toBe(15_000n);
  });

  it("refuses to have seen what is not durable, and does not renew by it [SES-34]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 2_000 });
    world.commitsAtOnce = false;
    open(world);
    world.pass(1_000);
    const refusal = refused(() => ann.keepAlive(world.durableRevision + 1n));
    expect(refusal).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      metadata: { field: "seen_revision" },
    });
    expect(ann.get().session?.remainingMs).toBe(1_000n);
    ann.keepAlive(world.durableRevision);
  });

  it("renews however scattered the ids are that the client confirms with it [GEN-72]", () => {
    const world = new World({ limits: { max_answered_ranges: 4 } });
    const ann = open(world, { ttlMs: 2_000 });
    world.advance(1_500);
    ann.keepAlive(0n, [1n, 3n, 5n, 7n, 9n, 11n]);
    world.advance(1_999);
    expect(world.state.sessions.get(ann.id)?.state).toBe(SessionState.ACTIVE);
    expect(world.state.sessions.get(ann.id)?.answered.size).toBe(4);
  });

  it("executes none of the ids that it had no room for, until all that is confirmed fits [GEN-66, GEN-72]", () => {
    const world = new World({ limits: { max_answered_ranges: 4 } });
    const ann = open(world);
    ann.keepAlive(0n, [1n, 3n, 5n, 7n, 9n, 11n]);
    for (const requestId of [11n, 12n])
      expect(refused(() => ann.acquire("a", { requestId })).metadata).toEqual({
        limit: "max_answered_ranges",
        max: "4",
      });
    ann.keepAlive();
    expect(refused(() => ann.acquire("a", { requestId: 12n })).reason).toBe(
      ErrorReason.LIMIT_EXCEEDED,
    );
    ann.keepAlive(0n, [[1n, 11n]]);
    expect(refused(() => ann.acquire("a", { requestId: 11n })).reason).toBe(
      ErrorReason.REQUEST_ID_ANSWERED,
    );
    ann.lock("a", { requestId: 12n });
  });
});

describe("KeepAlive after a loss", () => {
  it("tells the revision of the last loss, and of nothing else [SES-60]", () => {
    const world = new World();
    const ann = open(world);
    const first = ann.lock("a");
    const second = ann.lock("b");
    const third = ann.lock("c");
    ann.release(third);
    expect(ann.keepAlive().sessionRevision).toBe(0n);
    forceRelease(world, "a", first.token);
    const firstLoss = world.state.revision;
    open(world).lock("d");
    expect(ann.keepAlive().sessionRevision).toBe(firstLoss);
    forceRelease(world, "b", second.token);
    expect(ann.keepAlive().sessionRevision).toBe(world.state.revision);
  });

  it("speaks only of losses that are durable [SES-60]", () => {
    const world = new World();
    const ann = open(world);
    const { token } = ann.lock("a");
    world.commitsAtOnce = false;
    forceRelease(world, "a", token);
    expect(ann.keepAlive().sessionRevision).toBe(0n);
    world.commit();
    expect(ann.keepAlive().sessionRevision).toBe(world.state.revision);
  });

  it("confirms the loss by what the client has seen, and frees the key for the next waiter [LOCK-111, LOCK-112, LOCK-120]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const { holdId, token } = ann.lock("a");
    const ticketId = ben.queue("a");
    forceRelease(world, "a", token);
    const loss = world.state.revision;
    ann.keepAlive(loss - 1n);
    expect(getLock(world, "a").delays).toHaveLength(1);
    ann.keepAlive(loss);
    const [ended, granted] = world.events.slice(-2);
    expect(ended?.body).toMatchObject({
      case: "delayEnded",
      value: { holdId, cause: DelayEndCause.CONFIRMED },
    });
    expect(granted?.body).toMatchObject({ case: "lockGranted", value: { ticketId } });
    expect(granted?.revision).toBeGreaterThan(token);
  });

  it("restarts the delay when its reply could not tell the loss yet [LOCK-113, LOCK-111]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 10_000 });
    const { token } = ann.lock("a");
    world.pass(4_000);
    world.commitsAtOnce = false;
    expect(forceRelease(world, "a", token).delayRemainingMs).toBe(6_000n);
    world.pass(1_000);
    ann.keepAlive();
    expect(getLock(world, "a").delays[0]?.remainingMs).toBe(10_000n);
    world.commit();
    world.pass(3_000);
    ann.keepAlive();
    expect(getLock(world, "a").delays[0]?.remainingMs).toBe(7_000n);
    world.advance(6_999);
    expect(getLock(world, "a").delays).toHaveLength(1);
    world.advance(1);
    expect(getLock(world, "a").delays).toHaveLength(0);
  });

  it("tells one loss and restarts the delay of another that is not durable [LOCK-113]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 10_000 });
    const [first, second] = [ann.lock("a"), ann.lock("b")];
    forceRelease(world, "a", first.token);
    world.commitsAtOnce = false;
    forceRelease(world, "b", second.token);
    world.pass(4_000);
    ann.keepAlive();
    expect(getLock(world, "a").delays[0]?.remainingMs).toBe(6_000n);
    expect(getLock(world, "b").delays[0]?.remainingMs).toBe(10_000n);
  });
});
