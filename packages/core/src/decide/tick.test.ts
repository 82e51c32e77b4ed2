import { DelayEndCause, type Event, LossReason, SessionState, TicketEnd } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { tick } from "../step.ts";
import { forceRelease, getLock, open, openReply, revoke } from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

function cases(events: readonly Event[]): (string | undefined)[] {
  return events.map(({ body }) => body.case);
}

describe("A tick and leases", () => {
  it("expires a session at its time to live and never before [SES-40, SES-41, LOCK-114]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 2_000 });
    const lock = ann.lock("a");
    expect(world.advance(1_999.999)).toEqual([]);
    const events = world.advance(0.001);
    expect(cases(events)).toEqual(["sessionEnded", "lockLost"]);
    expect(events[0]).toMatchObject({
      actor: "",
      body: { value: { state: SessionState.EXPIRED } },
    });
    expect(events[1]?.body.value).toMatchObject({
      holdId: lock.holdId,
      reason: LossReason.SESSION_EXPIRED,
      delayed: false,
    });
  });

  it("lets a renewal win that arrived before it, however late the tick [SES-42]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 2_000 });
    world.pass(60_000);
    ann.keepAlive();
    expect(world.tick()).toEqual([]);
    expect(world.advance(1_999)).toEqual([]);
    expect(cases(world.advance(1))).toEqual(["sessionEnded"]);
  });

  it("grants what an expired session held at once, and ends its waits [SES-25, LOCK-49]", () => {
    const world = new World();
    const [ann, ben] = [open(world, { ttlMs: 2_000 }), open(world)];
    ann.lock("a");
    ben.lock("b");
    ann.queue("b");
    const ticketId = ben.queue("a");
    const events = world.advance(2_000);
    expect(cases(events)).toEqual(["sessionEnded", "ticketEnded", "lockLost", "lockGranted"]);
    expect(events[1]?.body.value).toMatchObject({ end: TicketEnd.SESSION_ENDED });
    expect(events[3]?.body.value).toMatchObject({ ticketId });
  });

  it("stops at its bound and says that there is more", () => {
    const world = new World();
    world.checked = false;
    const ann = open(world);
    ann.lock("a");
    for (let i = 0; i < 9_000; i++) ann.queue("a", { waitMs: 10 });
    world.pass(10);
    const first = tick(world.state, world.now, world.facts);
    expect(first).toMatchObject({ more: true, events: { length: 8_192 } });
    const second = tick(world.state, world.now, world.facts);
    expect(second).toMatchObject({ more: false, events: { length: 808 } });
  });
});

describe("A tick and waits", () => {
  it("ends a wait when it is over and never before [LOCK-23]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    ann.lock("a");
    const ticketId = ben.queue("a", { waitMs: 500 });
    expect(world.advance(499)).toEqual([]);
    const [ended] = world.advance(1);
    expect(ended?.body).toMatchObject({
      case: "ticketEnded",
      value: { ticketId, end: TicketEnd.WAIT_TIMED_OUT },
    });
  });

  it("keeps no reminders of waits that ended long before their time", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    for (let i = 0n; i < 5_000n; i++) {
      const lock = ann.lock("a");
      ben.queue("a");
      ann.release(lock);
      const held = getLock(world, "a").holders[0];
      if (held) ben.release(held);
      const last = [ann.lastRequestId, ben.lastRequestId];
      ann.keepAlive(0n, [[1n, last[0] ?? 1n]]);
      ben.keepAlive(0n, [[1n, last[1] ?? 1n]]);
    }
    expect(world.state.due.size).toBeLessThan(1_100);
    expect(cases(world.advance(15_000))).toEqual(["sessionEnded", "sessionEnded"]);
  });
});

describe("A tick and delays", () => {
  it("ends a delay when its time is used up, for good [LOCK-111, LOCK-120]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 4_000 });
    const { holdId, token } = ann.lock("a");
    forceRelease(world, "a", token);
    world.pass(2_000);
    ann.keepAlive();
    expect(world.advance(1_999)).toEqual([]);
    const [ended, ...rest] = world.advance(1);
    expect(ended?.body).toMatchObject({
      case: "delayEnded",
      value: { holdId, cause: DelayEndCause.ELAPSED },
    });
    expect(rest).toEqual([]);
    expect(world.advance(1_999)).toEqual([]);
  });

  // Milliseconds with fractions: since + time to live comes out a little below itself.
  it.each([8_253.77271, 1_706.74587])("ends a delay that began at %d ms", (sinceMs) => {
    const world = new World();
    world.monotonicMs = sinceMs;
    const ann = open(world, { ttlMs: 15_000 });
    forceRelease(world, "a", ann.lock("a").token);
    world.monotonicMs = sinceMs + 15_000;
    expect(cases(world.tick())).toContain("delayEnded");
  });
});

describe("A tick and the time served", () => {
  it("writes it down every 5 s while a delay runs, and not without [REC-22, REC-23]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 12_000 });
    world.pass(1_000);
    forceRelease(world, "a", ann.lock("a").token);
    ann.keepAlive();
    expect(world.advance(4_999)).toEqual([]);
    expect(world.advance(1).map(({ body }) => body)).toMatchObject([
      {
        case: "servedTimeAdvanced",
        value: { servedMs: 6_000n, durableRevision: world.state.revision - 1n },
      },
    ]);
    expect(world.advance(4_999)).toEqual([]);
    expect(world.advance(1).map(({ body }) => body)).toMatchObject([
      { case: "servedTimeAdvanced", value: { servedMs: 11_000n } },
    ]);
    world.advance(1_000);
    expect(world.state.delays.size).toBe(0);
    ann.keepAlive();
    expect(world.advance(10_000)).toEqual([]);
    ann.keepAlive();
    ann.lock("b", { maxHoldMs: 60_000 });
    expect(world.advance(5_000).map(({ body }) => body)).toMatchObject([
      { case: "servedTimeAdvanced", value: { servedMs: 27_000n } },
    ]);
  });

  it("does not count the time of a loss that is not durable, whose delay may begin again", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 20_000 });
    const { token } = ann.lock("a");
    world.commitsAtOnce = false;
    forceRelease(world, "a", token);
    world.advance(5_000);
    ann.keepAlive();
    world.commit();
    world.commitsAtOnce = true;
    world.advance(5_000);
    world.advance(5_000);
    world.restart();
    expect(getLock(world, "a").delays[0]?.remainingMs).toBe(15_001n);
  });
});

describe("A tick and ended sessions", () => {
  it("forgets a session one hour after its end [SES-21]", () => {
    const world = new World();
    const ann = open(world, { secret: 5 });
    ann.close();
    expect(world.advance(3_599_999)).toEqual([]);
    const [forgotten] = world.advance(1);
    expect(forgotten?.body).toMatchObject({
      case: "sessionForgotten",
      value: { sessionId: ann.id },
    });
    expect(openReply(world, { secret: 5 }).sessionId).toBeGreaterThan(ann.id);
  });

  it("remembers it for as long as a delay of it runs [SES-21]", () => {
    const world = new World();
    const ann = open(world, { ttlMs: 3_600_000 });
    ann.lock("a");
    revoke(world, ann.id);
    world.restart();
    world.pass(3_599_999);
    expect(cases(world.tick())).not.toContain("sessionForgotten");
    world.advance(1);
    expect(world.state.delays.size).toBe(0);
    world.advance(3_600_000);
    expect(world.state.sessions.has(ann.id)).toBe(false);
  });
});
