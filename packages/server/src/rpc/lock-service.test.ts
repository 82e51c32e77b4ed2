import {
  DeniedReason,
  HoldEnd,
  KeyState,
  LockMode,
  LossReason,
  OnLossAction,
  Reentrancy,
  ReleaseOutcome,
} from "@lockstep/protocol";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startTestServer, type TestServer, transportTo } from "../testing-support/test-server.ts";
import { targetsOf, User } from "../testing-support/user.ts";

let running: TestServer;
let one: User;
let two: User;
beforeEach(async () => {
  running = await startTestServer();
  const transport = transportTo(running.server.url);
  one = await User.open(transport, 1);
  two = await User.open(transport, 2);
});
afterEach(() => running.close());

const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;
const waiting = { waitMs: 60_000n, pollTimeoutMs: 30_000n };

/** Settles when so many wait at the server. */
const waiters = (count: bigint) =>
  expect.poll(() => running.namespace.info().counters?.waiters).toBe(count);

const lockOf = async (key: string) => (await one.locks.getLock({ namespace: "default", key })).lock;

const deniedAs = (reason: DeniedReason) => ({ outcome: { case: "denied", value: { reason } } });

describe("Acquire", () => {
  test("grants several keys as one hold with one token, or none [LOCK-1, LOCK-4, LOCK-27]", async () => {
    const hold = await one.take(targetsOf(["a", "b"]));
    expect(await two.acquire(targetsOf(["b", "c"]))).toMatchObject(
      deniedAs(DeniedReason.CONTENDED),
    );
    expect((await lockOf("c"))?.state).toBe(KeyState.FREE);
    for (const key of ["a", "b"]) {
      expect((await lockOf(key))?.holders).toMatchObject([{ token: hold.token }]);
    }
    expect((await one.release(hold)).outcome).toBe(ReleaseOutcome.RELEASED);
    expect((await lockOf("b"))?.state).toBe(KeyState.FREE);
  });

  test("lets SHARED stand beside SHARED and UPGRADABLE, and keeps EXCLUSIVE out [LOCK-10, LOCK-11, LOCK-12]", async () => {
    await one.take(targetsOf(["k"], SHARED));
    await two.take(targetsOf(["k"], UPGRADABLE));
    expect(await one.acquire(targetsOf(["k"], UPGRADABLE))).toMatchObject(
      deniedAs(DeniedReason.CONTENDED),
    );
    const denied = await one.acquire(targetsOf(["k"], EXCLUSIVE));
    expect(denied).toMatchObject(deniedAs(DeniedReason.CONTENDED));
    expect(denied.outcome.value).toMatchObject({
      blockers: [
        { sessionId: one.id, mode: SHARED },
        { sessionId: two.id, mode: UPGRADABLE },
      ],
    });
  });

  test("counts the grants of an owner, and gives back one at a time [LOCK-37, LOCK-38, LOCK-66]", async () => {
    const again = { owner: "task", reentrancy: Reentrancy.COUNT };
    const hold = await one.take("k", again);
    expect(await one.take("k", again)).toMatchObject({ ...pick(hold), count: 2 });
    expect(await one.acquire("k", { owner: "task" })).toMatchObject(
      deniedAs(DeniedReason.REENTRANCY),
    );
    expect(await one.release(hold)).toMatchObject({
      outcome: ReleaseOutcome.STILL_HELD,
      count: 1,
    });
    expect((await one.release(hold)).outcome).toBe(ReleaseOutcome.RELEASED);
  });

  test("breaks a circle of owners, names it, and tells the victim that waits [LOCK-55, LOCK-56, LOCK-57]", async () => {
    await one.take("x", { owner: "red" });
    await two.take("y", { owner: "blue" });
    const patient = one.acquire("y", { owner: "red", deadlockPriority: -1, ...waiting });
    await waiters(1n);
    const other = two.acquire("x", { owner: "blue", waitMs: 60_000n });
    const denied = await patient;
    expect(denied).toMatchObject(deniedAs(DeniedReason.DEADLOCK_VICTIM));
    expect(denied.outcome.value).toMatchObject({
      cycle: expect.arrayContaining([
        expect.objectContaining({ owner: "red", key: "y" }),
        expect.objectContaining({ owner: "blue", key: "x" }),
      ]),
    });
    expect((await other).outcome.case).toBe("queued");
    expect((await lockOf("x"))?.holders).toHaveLength(1);
  });

  test("names who was in the way when the wait is over [LOCK-23, LOCK-28]", async () => {
    await one.take("k");
    const asked = two.acquire("k", { waitMs: 2_000n, pollTimeoutMs: 30_000n });
    await waiters(1n);
    await running.clock.advance(2_000);
    const denied = await asked;
    expect(denied).toMatchObject(deniedAs(DeniedReason.WAIT_TIMED_OUT));
    expect(denied.outcome.value).toMatchObject({ blockers: [{ sessionId: one.id }] });
  });

  test("publishes a value and what the holder says, for as long as it holds [LOCK-95]", async () => {
    const value = new TextEncoder().encode("10.0.0.1:80");
    const hold = await one.take("leader", { value, metadata: { zone: "a" } });
    expect((await lockOf("leader"))?.holders).toMatchObject([{ value, metadata: { zone: "a" } }]);
    await one.setValue(hold, "10.0.0.2:80");
    const shown = (await lockOf("leader"))?.holders[0]?.value;
    expect(new TextDecoder().decode(shown)).toBe("10.0.0.2:80");
    await one.release(hold);
    expect((await lockOf("leader"))?.holders).toEqual([]);
    expect(await one.setValue(hold, "late")).toMatchObject({
      notHeld: { end: HoldEnd.RELEASED },
    });
  });

  test("loses the lock after its longest time, and delays its keys as asked [LOCK-105, LOCK-111, LOCK-115]", async () => {
    const onLoss = { action: OnLossAction.DELAY, delayMs: 60_000n };
    const hold = await one.take("k", { maxHoldMs: 5_000n, onLoss });
    await running.clock.advance(6_000);
    expect(await lockOf("k")).toMatchObject({
      state: KeyState.DELAYED,
      delays: [{ token: hold.token, reason: LossReason.MAX_HOLD, unconfirmed: true }],
    });
    expect(await one.release(hold)).toMatchObject({
      outcome: ReleaseOutcome.LOST,
      lostReason: LossReason.MAX_HOLD,
    });
    expect((await lockOf("k"))?.state).toBe(KeyState.FREE);
  });
});

describe("Convert", () => {
  test("to EXCLUSIVE waits for the readers, goes before all who wait, and brings a new token [LOCK-81, LOCK-84]", async () => {
    const reading = await two.take(targetsOf(["k"], SHARED));
    const hold = await one.take(targetsOf(["k"], UPGRADABLE));
    const converting = one.convert(hold, "k", EXCLUSIVE, waiting);
    await waiters(1n);
    await two.release(reading);
    const { outcome, header } = await converting;
    expect(outcome).toMatchObject({ case: "granted", value: { holdId: hold.holdId, count: 1 } });
    const { token } = outcome.value as { token: bigint };
    expect(token).toBeGreaterThan(hold.token);
    expect(header?.revision).toBe(token);
    expect((await lockOf("k"))?.holders).toMatchObject([{ token, mode: EXCLUSIVE }]);
  });

  test("answers queued when its poll is over, and a repeat goes on listening [LOCK-25]", async () => {
    const reading = await two.take(targetsOf(["k"], SHARED));
    const hold = await one.take(targetsOf(["k"], UPGRADABLE));
    const converting = one.convert(hold, "k", EXCLUSIVE, waiting);
    await waiters(1n);
    // Nobody's session may expire meanwhile.
    for (let passed = 0; passed < 30_000; passed += 10_000) {
      await running.clock.advance(10_000);
      for (const { sessions, session } of [one, two]) await sessions.keepAlive({ session });
    }
    expect(await converting).toMatchObject({ outcome: { case: "queued", value: { position: 0 } } });
    const repeated = { ...waiting, requestId: one.lastRequestId };
    const again = one.convert(hold, "k", EXCLUSIVE, repeated);
    await two.release(reading);
    expect((await again).outcome.case).toBe("granted");
  });

  test("to something weaker keeps the token and lets others in [LOCK-80]", async () => {
    const hold = await one.take("k");
    const entering = two.acquire(targetsOf(["k"], SHARED), waiting);
    await waiters(1n);
    expect(await one.convert(hold, "k", SHARED)).toMatchObject({
      outcome: { case: "granted", value: pick(hold) },
    });
    expect((await entering).outcome.case).toBe("granted");
    expect(await one.convert(hold, "k", EXCLUSIVE)).toMatchObject(
      deniedAs(DeniedReason.UPGRADE_REFUSED),
    );
  });

  test("that waits is told when its hold is lost, and cancelled when it is released [LOCK-72, LOCK-87]", async () => {
    await two.take(targetsOf(["k"], SHARED));
    const lost = await one.take(targetsOf(["k"], UPGRADABLE), { maxHoldMs: 5_000n });
    const converting = one.convert(lost, "k", EXCLUSIVE, waiting);
    await waiters(1n);
    await running.clock.advance(6_000);
    expect(await converting).toMatchObject({
      outcome: {
        case: "notHeld",
        value: { end: HoldEnd.LOST, lostReason: LossReason.MAX_HOLD },
      },
    });
    await one.release(lost);
    const released = await one.take(targetsOf(["k"], UPGRADABLE));
    const again = one.convert(released, "k", EXCLUSIVE, waiting);
    await waiters(1n);
    await one.release(released);
    expect(await again).toMatchObject(deniedAs(DeniedReason.CANCELLED));
  });
});

describe("Transfer", () => {
  test("gives the lock to a waiter, past who came before it [LOCK-90, LOCK-93]", async () => {
    const hold = await one.take("k");
    const before = await User.open(transportTo(running.server.url), 3);
    await before.acquire("k", { waitMs: 60_000n });
    const entering = two.acquire("k", waiting);
    await waiters(2n);
    const { outcome } = await one.transfer(hold, two.id, two.lastRequestId);
    const granted = await entering;
    expect(granted.outcome).toEqual(outcome);
    expect(granted.outcome.case).toBe("granted");
    expect((await lockOf("k"))?.holders).toMatchObject([{ sessionId: two.id }]);
    expect((await one.release(hold)).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
  });

  test("to nobody is denied and changes nothing [LOCK-91]", async () => {
    const hold = await one.take("k");
    expect(await one.transfer(hold, two.id, 99n)).toMatchObject(
      deniedAs(DeniedReason.NO_SUCH_WAITER),
    );
    expect((await lockOf("k"))?.holders).toMatchObject([pick(hold)]);
  });
});

describe("RequestRelease", () => {
  test("asks every holder once, takes nothing, and needs no session [LOCK-97, LOCK-98, LOCK-99]", async () => {
    const holds = [
      await one.take(targetsOf(["k"], SHARED)),
      await two.take(targetsOf(["k"], SHARED)),
    ];
    const ask = () =>
      one.locks.requestRelease({ namespace: "default", key: "k", reason: "deploy" });
    const asked = await ask();
    expect(asked.holdIds).toEqual(holds.map(({ holdId }) => holdId));
    expect((await lockOf("k"))?.holders).toMatchObject([
      { releaseAsked: { reason: "deploy", actor: "127.0.0.1" } },
      { releaseAsked: { reason: "deploy" } },
    ]);
    const again = await ask();
    expect(again.holdIds).toEqual(asked.holdIds);
    const { events } = await one.locks.listEvents({
      namespace: "default",
      filter: { keys: ["k"], sessionId: two.id },
    });
    expect(events.map(({ body }) => body.case)).toEqual(["lockGranted", "releaseRequested"]);
    expect(await one.locks.requestRelease({ namespace: "default", key: "free" })).toMatchObject({
      holdIds: [],
    });
  });
});

describe("the history is chosen", () => {
  test("by session, principal and time [LOCK-159, LOCK-160]", async () => {
    const hold = await one.take("k");
    await running.clock.advance(1_000);
    const fromAtMs = BigInt(running.clock.unixMs());
    await one.release(hold);
    const list = async (filter: object) => {
      const { events } = await one.locks.listEvents({ namespace: "default", filter });
      return events.map(({ body }) => body.case);
    };
    expect(await list({ sessionId: one.id })).toEqual([
      "sessionOpened",
      "lockGranted",
      "lockReleased",
    ]);
    expect(await list({ fromAtMs })).toEqual(["lockReleased"]);
    expect(await list({ untilAtMs: fromAtMs, keys: ["k"] })).toEqual(["lockGranted"]);
    expect(await list({ actor: "nobody" })).toEqual([]);
    expect(await list({ actor: "127.0.0.1", sessionId: two.id })).toEqual(["sessionOpened"]);
  });
});

function pick({ holdId, token }: { holdId: bigint; token: bigint }) {
  return { holdId, token };
}
