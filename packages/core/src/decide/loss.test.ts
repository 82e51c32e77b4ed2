import {
  DelayEndCause,
  DeniedReason,
  type Event,
  FenceStatus,
  KeyState,
  LockMode,
  LossReason,
  OnLossAction,
  ReleaseOutcome,
  TicketEnd,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  type AcquireOptions,
  type Client,
  checkFence,
  forceRelease,
  getLock,
  open,
} from "../testing-support/client.ts";
import { World } from "../testing-support/world.ts";

const { DELAY, QUARANTINE } = OnLossAction;

function people(ttlMs = 10_000): { world: World; ann: Client; ben: Client } {
  const world = new World();
  return { world, ann: open(world, { ttlMs }), ben: open(world, { ttlMs: 3_600_000 }) };
}

function delayed(delayMs: number): AcquireOptions {
  return { onLoss: DELAY, delayMs };
}

function cases(events: readonly Event[]): (string | undefined)[] {
  return events.map(({ body }) => body.case).filter((one) => one !== "servedTimeAdvanced");
}

function stateOf(world: World, key = "a"): KeyState {
  return getLock(world, key).state;
}

describe("A delay that was asked for", () => {
  it("runs from the loss beside that of the client, and the longer one counts [LOCK-115]", () => {
    const { world, ann } = people(10_000);
    const [short, long] = [ann.lock("a", delayed(4_000)), ann.lock("b", delayed(12_000))];
    world.pass(2_000);
    expect(forceRelease(world, "a", short.token).delayRemainingMs).toBe(8_000n);
    expect(forceRelease(world, "b", long.token).delayRemainingMs).toBe(12_000n);
    ann.keepAlive(world.state.revision - 2n);
    expect(cases(world.advance(7_999))).toEqual([]);
    expect(cases(world.advance(1))).toEqual(["delayEnded"]);
    expect([stateOf(world, "a"), stateOf(world, "b")]).toEqual([KeyState.FREE, KeyState.DELAYED]);
    expect(getLock(world, "b").delays).toMatchObject([{ unconfirmed: false }]);
    ann.keepAlive();
    world.advance(4_000);
    expect(stateOf(world, "b")).toBe(KeyState.FREE);
  });

  it("is not ended by what the client has seen, which ends only its own part [LOCK-112, LOCK-116]", () => {
    const { world, ann, ben } = people(10_000);
    const { token } = ann.lock("a", delayed(6_000));
    const ticket = ben.queue("a");
    forceRelease(world, "a", token);
    expect(getLock(world, "a").delays).toMatchObject([{ unconfirmed: true, remainingMs: 10_000n }]);
    ann.keepAlive(world.state.revision);
    expect(getLock(world, "a").delays).toMatchObject([{ unconfirmed: false, remainingMs: 6_000n }]);
    ann.keepAlive(world.state.revision);
    expect(cases(world.advance(5_999))).toEqual([]);
    const events = world.advance(1);
    expect(cases(events)).toEqual(["delayEnded", "lockGranted"]);
    expect(events.at(-2)?.body.value).toMatchObject({ cause: DelayEndCause.ELAPSED });
    expect(world.state.tickets.has(ticket)).toBe(false);
  });

  it("that is over already is ended by the client's word at once", () => {
    const { world, ann } = people(10_000);
    const { token } = ann.lock("a", delayed(6_000));
    forceRelease(world, "a", token);
    const loss = world.state.revision;
    world.advance(6_000);
    expect(stateOf(world)).toBe(KeyState.DELAYED);
    ann.keepAlive(loss);
    expect(world.events.at(-1)?.body).toMatchObject({
      case: "delayEnded",
      value: { cause: DelayEndCause.CONFIRMED },
    });
  });

  it("is ended by a Release of the hold, or a Close of its session [LOCK-116]", () => {
    for (const end of ["release", "close"] as const) {
      const { world, ann } = people();
      const lock = ann.lock("a", delayed(60_000));
      forceRelease(world, "a", lock.token);
      if (end === "close") ann.close();
      else expect(ann.release(lock).outcome).toBe(ReleaseOutcome.LOST);
      expect(stateOf(world)).toBe(KeyState.FREE);
    }
  });

  it("holds for an expired session too, whose client needs no time [LOCK-114, LOCK-117]", () => {
    const { world, ann, ben } = people(2_000);
    const lock = ann.lock("a", delayed(5_000));
    ann.lock("b");
    world.advance(2_000);
    expect([stateOf(world, "a"), stateOf(world, "b")]).toEqual([KeyState.DELAYED, KeyState.FREE]);
    expect(getLock(world, "a").delays).toMatchObject([
      { reason: LossReason.SESSION_EXPIRED, unconfirmed: false, remainingMs: 5_000n },
    ]);
    expect(ben.acquire("a")).toMatchObject({
      reason: DeniedReason.LOCK_DELAY,
      retryAfterMs: 5_000n,
    });
    expect(ann.release(lock).outcome).toBe(ReleaseOutcome.LOST);
    ben.lock("a");
  });

  it("does not follow a Release or a Close [LOCK-117]", () => {
    const { world, ann, ben } = people();
    ann.release(ann.lock("a", delayed(5_000)));
    ben.release(ben.lock("a", { onLoss: QUARANTINE }));
    ann.lock("a", { onLoss: QUARANTINE });
    ann.close();
    expect(stateOf(world)).toBe(KeyState.FREE);
  });

  it("counts as held to who waits, and is named to who does not [LOCK-22, LOCK-119]", () => {
    const { world, ann, ben } = people();
    forceRelease(world, "a", ann.lock("a").token);
    const carl = open(world);
    expect(carl.acquire("a")).toMatchObject({ reason: DeniedReason.LOCK_DELAY });
    const ticketId = ben.queue("a");
    expect(carl.acquire("a")).toMatchObject({
      reason: DeniedReason.CONTENDED,
      blockers: [{ sessionId: ann.id }, { ticketId }],
    });
  });

  it("goes on after a restart, less the time served since it was first written down [REC-20]", () => {
    const { world, ann } = people(60_000);
    forceRelease(world, "a", ann.lock("a", delayed(30_000)).token);
    world.advance(5_000);
    ann.keepAlive(world.state.revision);
    world.advance(5_000);
    world.advance(3_000);
    world.restart();
    expect(getLock(world, "a").delays).toMatchObject([{ remainingMs: 55_001n }]);
    ann.keepAlive(world.durableRevision);
    expect(getLock(world, "a").delays).toMatchObject([{ remainingMs: 25_001n }]);
    world.advance(5_000);
    world.restart();
    ann.keepAlive(world.durableRevision);
    expect(getLock(world, "a").delays).toMatchObject([{ remainingMs: 20_001n }]);
    world.advance(20_000);
    expect(stateOf(world)).toBe(KeyState.DELAYED);
    world.advance(1);
    expect(stateOf(world)).toBe(KeyState.FREE);
  });

  it("needs no restart of the client's part where there is none", () => {
    const { world, ann } = people();
    world.commitsAtOnce = false;
    const { token } = ann.lock("a", delayed(4_000));
    forceRelease(world, "a", token, { immediate: true });
    ann.keepAlive();
    expect(stateOf(world)).toBe(KeyState.FREE);
  });
});

describe("A quarantine", () => {
  it("denies newcomers and waiters of its key at once, of many keys too [LOCK-122, LOCK-123]", () => {
    const { world, ann, ben } = people();
    const { holdId, token } = ann.lock(["a", "b"], { onLoss: QUARANTINE });
    const tickets = [ben.queue("a"), ben.queue(["b", "c"]), ben.queue(["c", "d"])];
    forceRelease(world, "a", token);
    const [lost, ...ended] = world.batches.at(-1) ?? [];
    expect(lost?.body).toMatchObject({ case: "lockLost", value: { quarantined: true } });
    expect(ended.map(({ body }) => body)).toMatchObject([
      { case: "ticketEnded", value: { ticketId: tickets[0], end: TicketEnd.KEY_QUARANTINED } },
      { case: "ticketEnded", value: { ticketId: tickets[1], end: TicketEnd.KEY_QUARANTINED } },
      { case: "lockGranted", value: { ticketId: tickets[2] } },
    ]);
    expect(getLock(world, "b")).toMatchObject({
      state: KeyState.QUARANTINED,
      quarantine: { revision: lost?.revision, holdId, token, sessionId: ann.id },
    });
    for (const wanted of ["a", ["x", "b"]])
      for (const waitMs of [0, 9])
        expect(ben.acquire(wanted, { waitMs })).toMatchObject({
          reason: DeniedReason.KEY_QUARANTINED,
        });
    ben.lock("x");
  });

  it("outlives whatever its client says, and a restart [LOCK-124]", () => {
    const { world, ann, ben } = people();
    const lock = ann.lock("a", { onLoss: QUARANTINE });
    forceRelease(world, "a", lock.token, { immediate: true });
    ann.keepAlive(world.state.revision);
    ann.release(lock);
    ann.close();
    world.restart();
    world.advance(60_000);
    expect(stateOf(world)).toBe(KeyState.QUARANTINED);
    expect(ben.acquire("a")).toMatchObject({ reason: DeniedReason.KEY_QUARANTINED });
  });

  it("wins over a delay, and leaves other holders alone [LOCK-110, LOCK-125]", () => {
    const { world, ann, ben } = people();
    const mode = LockMode.SHARED;
    const locks = [
      ann.lock("a", { mode, onLoss: QUARANTINE }),
      ann.lock("a", { mode, ...delayed(5_000) }),
      ben.lock("a", { mode }),
    ] as const;
    for (const { token } of locks.slice(0, 2)) forceRelease(world, "a", token);
    expect(stateOf(world)).toBe(KeyState.HELD);
    expect(checkFence(world, "a", locks[2].token)).toBe(FenceStatus.CURRENT);
    expect(ben.acquire("a", { mode })).toMatchObject({ reason: DeniedReason.KEY_QUARANTINED });
    ben.release(locks[2]);
    expect(stateOf(world)).toBe(KeyState.QUARANTINED);
    expect(getLock(world, "a").delays).toHaveLength(2);
    world.advance(20_000);
    expect(getLock(world, "a")).toMatchObject({ state: KeyState.QUARANTINED, delays: [] });
  });

  it("is named by the last loss that asked for it", () => {
    const { world, ann } = people();
    const options = { mode: LockMode.SHARED, onLoss: QUARANTINE };
    const [first, second] = [ann.lock("a", options), ann.lock("a", options)];
    forceRelease(world, "a", first.token);
    forceRelease(world, "a", second.token);
    expect(getLock(world, "a").quarantine).toMatchObject({
      holdId: second.holdId,
      revision: world.state.revision,
    });
  });

  it("follows an expiry too [LOCK-117]", () => {
    const { world, ann } = people(2_000);
    ann.lock("a", { onLoss: QUARANTINE });
    world.advance(2_000);
    expect(stateOf(world)).toBe(KeyState.QUARANTINED);
  });
});

describe("Waits that end", () => {
  it("by their time tell who was in the way, also when asked again after a restart [LOCK-23, LOCK-28]", () => {
    const { world, ann, ben } = people();
    const { holdId } = ann.lock("a", { owner: "job", correlationId: "c-1" });
    ben.queue("a", { waitMs: 500, requestId: 1n });
    world.advance(500);
    const told = {
      case: "denied",
      reason: DeniedReason.WAIT_TIMED_OUT,
      blockers: [{ key: "a", holdId, owner: "job", correlationId: "c-1" }],
    };
    expect(ben.acquire("a", { waitMs: 500, requestId: 1n })).toMatchObject(told);
    world.restart();
    expect(ben.acquire("a", { waitMs: 500, requestId: 1n })).toMatchObject(told);
  });
});
