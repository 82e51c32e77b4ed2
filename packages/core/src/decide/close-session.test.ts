import {
  DelayEndCause,
  ErrorReason,
  ReleaseOutcome,
  SessionState,
  TicketEnd,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  checkFence,
  forceRelease,
  getLock,
  open,
  refused,
  revoke,
} from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

describe("CloseSession", () => {
  it("releases everything the session holds and grants it to those who wait [SES-26, SES-25]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ann.lock("a");
    ann.lock("b");
    const ticketId = ben.queue("a");
    expect(ann.close().state).toBe(SessionState.CLOSED);
    expect(world.batches.at(-1)?.map(({ body }) => body.case)).toEqual([
      "sessionEnded",
      "lockReleased",
      "lockReleased",
      "lockGranted",
    ]);
    expect(world.events.at(-1)?.body).toMatchObject({ value: { ticketId } });
    expect(getLock(world, "b").holders).toEqual([]);
  });

  it("ends the session's own waits, which are granted nothing [SES-25, SES-26, LOCK-49]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const lock = ann.lock("a");
    const ticketId = ben.queue("a");
    ben.close();
    expect(world.events.at(-1)?.body).toMatchObject({
      case: "ticketEnded",
      value: { ticketId, end: TicketEnd.SESSION_ENDED },
    });
    ann.release(lock);
    expect(getLock(world, "a").holders).toEqual([]);
  });

  it("frees what the session holds and waits for itself in one step [SES-25]", () => {
    const world = new World();
    const ann = open(world);
    ann.lock("a");
    ann.queue("a");
    ann.close();
    expect(world.state.keys.size).toBe(0);
  });

  it("confirms what the session has lost: its delays end [SES-24, LOCK-112]", () => {
    const world = new World();
    const ann = open(world);
    const { token } = ann.lock("a");
    forceRelease(world, "a", token);
    ann.close();
    expect(world.events.at(-1)?.body.case).toBe("delayEnded");
    open(world).lock("a");
  });

  it("answers a repeat as done, without an event [SES-27]", () => {
    const world = new World();
    const ann = open(world);
    ann.close({ requestId: 1n });
    const { revision } = world.state;
    expect(ann.close({ requestId: 1n }).state).toBe(SessionState.CLOSED);
    expect(ann.close({ requestId: 2n }).state).toBe(SessionState.CLOSED);
    expect(world.state.revision).toBe(revision);
  });

  it("is accepted from an expired session, and says so [SES-23]", () => {
    const world = new World();
    const ann = open(world);
    world.advance(15_000);
    expect(ann.close().state).toBe(SessionState.EXPIRED);
  });

  it("ends the delays of a session that ended before [SES-24]", () => {
    const world = new World();
    const ann = open(world);
    ann.lock("a");
    revoke(world, ann.id);
    expect(getLock(world, "a").delays).toHaveLength(1);
    expect(ann.close().state).toBe(SessionState.REVOKED);
    expect(world.events.at(-1)?.body).toMatchObject({
      case: "delayEnded",
      value: { cause: DelayEndCause.CONFIRMED },
    });
    expect(getLock(world, "a").delays).toHaveLength(0);
  });

  it("leaves nothing of the session alive [SES-22, SES-23]", () => {
    const world = new World();
    const ann = open(world);
    const lock = ann.lock("a");
    ann.close();
    expect(refused(() => ann.keepAlive()).reason).toBe(ErrorReason.SESSION_CLOSED);
    expect(refused(() => ann.get()).reason).toBe(ErrorReason.SESSION_CLOSED);
    expect(refused(() => ann.acquire("a")).reason).toBe(ErrorReason.SESSION_CLOSED);
    expect(refused(() => ann.cancel(1n)).reason).toBe(ErrorReason.SESSION_CLOSED);
    expect(checkFence(world, "a", lock.token)).not.toBe(1);
    expect(ann.release(lock).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
  });

  it("is never executed by an id that was used for something else or confirmed [GEN-63, GEN-66]", () => {
    const world = new World();
    const ann = open(world);
    ann.lock("a", { requestId: 5n });
    expect(refused(() => ann.close({ requestId: 5n })).reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    const answered = refused(() => ann.close({ requestId: 5n, answered: [5n] }));
    expect(answered.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
    expect(ann.get().session?.state).toBe(SessionState.ACTIVE);
  });

  it("is not refused for replies that were never confirmed [GEN-69]", () => {
    const world = new World({ limits: { max_unanswered: 1 } });
    const ann = open(world);
    ann.lock("a");
    expect(refused(() => ann.acquire("b")).reason).toBe(ErrorReason.LIMIT_EXCEEDED);
    expect(ann.close().state).toBe(SessionState.CLOSED);
  });

  it("refuses an unknown session [SES-22]", () => {
    const world = new World();
    const ann = open(world);
    ann.caller = { ...ann.caller, sessionId: 4_711n };
    expect(refused(() => ann.close()).reason).toBe(ErrorReason.SESSION_UNKNOWN);
  });
});
