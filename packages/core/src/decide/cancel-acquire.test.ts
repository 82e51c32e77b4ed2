import { CancelOutcome, DeniedReason, ErrorReason, TicketEnd } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { getLock, open, refused } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

function pair(options = {}) {
  const world = new World(options);
  return { world, ann: open(world), ben: open(world) };
}

describe("CancelAcquire", () => {
  it("ends a wait, and the place in the queue goes to the next [LOCK-75]", () => {
    const { world, ann, ben } = pair();
    const lock = ann.lock("a");
    const ticketId = ben.queue("a", { requestId: 1n });
    const next = ben.queue("a", { requestId: 2n });
    expect(ben.cancel(1n, { requestId: 3n }).outcome).toBe(CancelOutcome.CANCELLED);
    expect(world.events.at(-1)?.body).toMatchObject({
      case: "ticketEnded",
      value: { ticketId, end: TicketEnd.CANCELLED },
    });
    ann.release(lock);
    expect(world.events.at(-1)?.body).toMatchObject({ value: { ticketId: next } });
    expect(ben.acquire("a", { requestId: 1n, waitMs: 600_000 })).toMatchObject({
      reason: DeniedReason.CANCELLED,
    });
  });

  it("finds what was granted before, and leaves it to the client to release [LOCK-76]", () => {
    const { world, ann } = pair();
    const { holdId, token } = ann.lock("a", { requestId: 1n });
    expect(ann.cancel(1n, { requestId: 2n })).toMatchObject({
      outcome: CancelOutcome.ALREADY_GRANTED,
      granted: { holdId, token },
    });
    expect(getLock(world, "a").holders).toHaveLength(1);
  });

  it("is done when the acquire was denied before [LOCK-78]", () => {
    const { ann, ben } = pair();
    ann.lock("a");
    ben.acquire("a", { requestId: 1n });
    expect(ben.cancel(1n, { requestId: 2n }).outcome).toBe(CancelOutcome.CANCELLED);
  });

  it("makes sure that an acquire which has not arrived is refused when it does [LOCK-77]", () => {
    const { world, ann } = pair();
    expect(ann.cancel(1n, { requestId: 2n }).outcome).toBe(CancelOutcome.UNKNOWN_REQUEST);
    expect(world.events.at(-1)?.body).toMatchObject({
      case: "acquireRefused",
      value: { acquireRequestId: 1n },
    });
    const late = { requestId: 1n, waitMs: 5 };
    expect(ann.acquire("a", late)).toMatchObject({ reason: DeniedReason.CANCELLED });
    expect(ann.acquire("b", late)).toMatchObject({ reason: DeniedReason.CANCELLED });
    expect(getLock(world, "a").holders).toEqual([]);
    world.restart();
    expect(ann.acquire("a", late)).toMatchObject({ reason: DeniedReason.CANCELLED });
    expect(ann.cancel(1n, { requestId: 3n }).outcome).toBe(CancelOutcome.UNKNOWN_REQUEST);
  });

  it("leaves the id of an acquire that has not arrived to acquires alone [GEN-63]", () => {
    const { ann } = pair();
    const lock = ann.lock("a", { requestId: 1n });
    ann.cancel(2n, { requestId: 3n });
    const others = [
      () => ann.release(lock, { requestId: 2n }),
      () => ann.cancel(1n, { requestId: 2n }),
      () => ann.close({ requestId: 2n }),
    ];
    for (const other of others) expect(refused(other).reason).toBe(ErrorReason.REQUEST_ID_REUSED);
  });

  it("makes no event for an acquire whose reply the client has confirmed", () => {
    const { world, ann } = pair();
    ann.lock("a", { requestId: 1n });
    const { revision } = world.state;
    const reply = ann.cancel(1n, { requestId: 2n, answered: [1n] });
    expect(reply.outcome).toBe(CancelOutcome.UNKNOWN_REQUEST);
    expect(world.state.revision).toBe(revision);
  });

  it("gives a repeat the same outcome, whatever has happened since [GEN-62]", () => {
    const { world, ann } = pair();
    const lock = ann.lock("a", { requestId: 1n });
    const first = ann.cancel(1n, { requestId: 2n });
    ann.release(lock, { requestId: 3n });
    expect(ann.cancel(1n, { requestId: 2n })).toEqual(first);
    ann.cancel(9n, { requestId: 4n });
    const { revision } = world.state;
    expect(ann.cancel(9n, { requestId: 4n }).outcome).toBe(CancelOutcome.UNKNOWN_REQUEST);
    expect(world.state.revision).toBe(revision);
  });

  it("has an outcome that survives recovery [GEN-70]", () => {
    const { world, ann, ben } = pair();
    ann.lock("a");
    ben.queue("a", { requestId: 1n });
    ben.cancel(1n, { requestId: 2n });
    world.restart();
    expect(ben.cancel(1n, { requestId: 2n }).outcome).toBe(CancelOutcome.CANCELLED);
    expect(refused(() => ben.acquire("b", { requestId: 2n })).reason).toBe(
      ErrorReason.REQUEST_ID_REUSED,
    );
  });

  it("refuses to cancel what is no acquire", () => {
    const { ann } = pair();
    ann.release(ann.lock("a", { requestId: 1n }), { requestId: 2n });
    expect(refused(() => ann.cancel(2n, { requestId: 3n }))).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      metadata: { field: "acquire_request_id" },
    });
  });

  it("is never executed by an id that was confirmed or used for something else [GEN-66, GEN-63]", () => {
    const { world, ann, ben } = pair();
    ann.lock("a");
    ben.queue("a", { requestId: 1n });
    const confirmed = refused(() => ben.cancel(1n, { requestId: 2n, answered: [2n] }));
    expect(confirmed.reason).toBe(ErrorReason.REQUEST_ID_ANSWERED);
    ben.cancel(7n, { requestId: 3n });
    const reused = refused(() => ben.cancel(1n, { requestId: 3n }));
    expect(reused.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    expect(getLock(world, "a").queueLength).toBe(1);
  });

  it("ends waits and answers while nothing has been confirmed [GEN-69]", () => {
    const { ann, ben } = pair({ limits: { max_unanswered: 1 } });
    ann.lock("a");
    ben.queue("a", { requestId: 1n });
    ben.queue("a", { requestId: 2n });
    for (const requestId of [1n, 2n]) {
      expect(ben.cancel(requestId, { requestId: requestId + 10n }).outcome).toBe(
        CancelOutcome.CANCELLED,
      );
    }
    for (let i = 0n; i < 5n; i++) {
      expect(ben.cancel(1n, { requestId: 20n + i }).outcome).toBe(CancelOutcome.CANCELLED);
    }
  });

  it("remembers at most twice max_unanswered for acquires that never arrive [GEN-51]", () => {
    const { ann } = pair({ limits: { max_unanswered: 2 } });
    ann.cancel(1n, { requestId: 11n });
    ann.cancel(2n, { requestId: 12n });
    const refusal = refused(() => ann.cancel(3n, { requestId: 13n }));
    expect(refusal.metadata).toEqual({ limit: "max_unanswered", max: "2" });
    ann.keepAlive(0n, [
      [1n, 2n],
      [11n, 12n],
    ]);
    ann.cancel(3n, { requestId: 13n });
  });
});
