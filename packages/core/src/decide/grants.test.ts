import { DeniedReason, LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { getLock, type Wanted } from "../testing-support/client.ts";
import { convert } from "../testing-support/holding.ts";
import { people, withPermits } from "../testing-support/people.ts";
import { countWalked } from "../testing-support/walked.ts";
import type { World } from "../testing-support/world.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;

/** The tickets that were granted last, in the order of their grants. */
function grantedSince(world: World, revision: bigint): bigint[] {
  return world.events.flatMap(({ revision: at, body }) =>
    at > revision && body.case === "lockGranted" ? [body.value.ticketId] : [],
  );
}

function after(world: World, action: () => unknown): bigint[] {
  const { revision } = world.state;
  action();
  return grantedSince(world, revision);
}

describe("The queue", () => {
  it("lets nobody pass an earlier waiter it conflicts with, who waits or not [LOCK-46]", () => {
    const { world, ann, ben, carl } = people();
    const reader = ann.lock("a", { mode: SHARED });
    const writer = ben.queue("a");
    expect(carl.acquire("a", { mode: SHARED })).toMatchObject({
      reason: DeniedReason.CONTENDED,
      blockers: [{ ticketId: writer }],
    });
    const later = carl.queue("a", { mode: SHARED });
    expect(after(world, () => ann.release(reader))).toEqual([writer]);
    const held = getLock(world, "a").holders[0];
    expect(after(world, () => held && ben.release(held))).toEqual([later]);
  });

  it("lets past who conflicts with nobody before it, newcomer or waiter [LOCK-47]", () => {
    const { world, ann, ben, carl } = people();
    const upgradable = ann.lock("a", { mode: UPGRADABLE });
    const second = ben.queue("a", { mode: UPGRADABLE });
    carl.lock("a", { mode: SHARED });
    expect(after(world, () => ann.release(upgradable))).toEqual([second]);
  });

  it("grants all that a change makes possible at once, in the order of arrival [LOCK-45]", () => {
    const { world, ann, ben, carl } = people();
    const lock = ann.lock("a");
    const tickets = [
      ben.queue("a", { mode: SHARED }),
      carl.queue("a", { mode: UPGRADABLE }),
      ben.queue("a", { mode: UPGRADABLE }),
      ben.queue("a", { mode: SHARED }),
      carl.queue("a"),
      carl.queue("a", { mode: SHARED }),
    ];
    const first = [tickets[0], tickets[1], tickets[3]];
    expect(after(world, () => ann.release(lock))).toEqual(first);
  });

  it("counts the permits of earlier waiters [LOCK-13, LOCK-46]", () => {
    const { world, ann, ben, carl } = withPermits(4);
    const lock = ann.lock("p", { mode: PERMITS, permits: 3 });
    const big = ben.queue("p", { mode: PERMITS, permits: 3 });
    expect(carl.acquire("p", { mode: PERMITS, permits: 1 })).toMatchObject({
      reason: DeniedReason.CONTENDED,
      blockers: [{ holdId: lock.holdId }, { ticketId: big, permits: 3 }],
    });
    const small = carl.queue("p", { mode: PERMITS, permits: 1 });
    const tooMuch = carl.queue("p", { mode: PERMITS, permits: 1 });
    expect(after(world, () => ann.release(lock))).toEqual([big, small]);
    expect(world.state.tickets.has(tooMuch)).toBe(true);
  });

  it("moves up when somebody in it gives up [LOCK-75]", () => {
    const { world, ann, ben, carl } = people();
    ann.lock("a", { mode: SHARED });
    ben.queue("a", { requestId: 1n });
    const tickets = [carl.queue("a", { mode: SHARED }), ann.queue("a", { mode: SHARED })];
    expect(after(world, () => ben.cancel(1n, { requestId: 2n }))).toEqual(tickets);
  });

  it("is left by whose session ends, and moves up then [LOCK-49]", () => {
    const { world, ann, ben, carl } = people();
    ann.lock("a", { mode: SHARED });
    ben.queue("a");
    const ticket = carl.queue("a", { mode: SHARED });
    expect(after(world, () => ben.close())).toEqual([ticket]);
  });
});

describe("A waiting Convert", () => {
  it("stands before all waiters of its key and keeps newcomers out [LOCK-84]", () => {
    const { world, ann, ben, carl } = people();
    const [upgradable, reader] = [
      ann.lock("a", { mode: UPGRADABLE }),
      ben.lock("a", { mode: SHARED }),
    ];
    const earlier = carl.queue("a");
    expect(convert(ann, upgradable, "a", EXCLUSIVE, { waitMs: 9_000 })).toMatchObject({
      case: "waiting",
    });
    expect(carl.acquire("a", { mode: SHARED })).toMatchObject({ reason: DeniedReason.CONTENDED });
    const later = carl.queue(["a", "b"].map((key) => ({ key, mode: SHARED })));
    expect(carl.get().tickets).toMatchObject([
      { queued: { position: 1 } },
      { queued: { position: 2, ticketId: later } },
    ]);
    const { revision } = world.state;
    ben.release(reader);
    expect(world.batches.at(-1)?.map(({ body }) => body.case)).toEqual([
      "lockReleased",
      "holdConverted",
    ]);
    expect(grantedSince(world, revision)).toEqual([]);
    const held = getLock(world, "a").holders[0];
    expect(after(world, () => held && ann.release(held))).toEqual([earlier]);
  });

  it("that gives up lets those through that it kept out", () => {
    const { world, ann, ben, carl } = people();
    const upgradable = ann.lock("a", { mode: UPGRADABLE });
    ben.lock("a", { mode: SHARED });
    convert(ann, upgradable, "a", EXCLUSIVE, { waitMs: 9_000, requestId: 50n });
    const tickets = [
      carl.queue(["b", "a"].map((key) => ({ key, mode: SHARED }))),
      carl.queue("a", { mode: SHARED }),
    ];
    expect(after(world, () => ann.cancel(50n, { requestId: 51n }))).toEqual(tickets);
  });
});

describe("Several keys", () => {
  const both: Wanted[] = ["a", "b"];

  it("are one hold with one token, granted and given back as a whole [LOCK-1, LOCK-4]", () => {
    const { world, ann, ben } = people();
    const { holdId, token } = ann.lock(both);
    for (const key of ["a", "b"])
      expect(getLock(world, key).holders).toMatchObject([{ holdId, token }]);
    expect(ben.acquire("b")).toMatchObject({ reason: DeniedReason.CONTENDED });
    ann.release({ holdId, token });
    expect(world.state.keys.size).toBe(0);
  });

  it("are granted all or none, and wait holding nothing [LOCK-1]", () => {
    const { world, ann, ben, carl } = people();
    const lock = ann.lock("b");
    const ticket = ben.queue(both);
    expect(getLock(world, "a")).toMatchObject({ holders: [], queueLength: 1 });
    expect(carl.acquire("a")).toMatchObject({
      reason: DeniedReason.CONTENDED,
      blockers: [{ key: "a", ticketId: ticket }],
    });
    expect(after(world, () => ann.release(lock))).toEqual([ticket]);
  });

  it("that become free together are granted once to who waits for them all", () => {
    const { world, ann, ben } = people();
    const lock = ann.lock(["a", "b", "c"]);
    const tickets = [ben.queue(both), ben.queue("c")];
    expect(after(world, () => ann.release(lock))).toEqual(tickets);
  });

  it("wait for every earlier waiter of any of them, and for nobody else [LOCK-45, LOCK-46]", () => {
    const { world, ann, ben, carl } = people();
    const [a, b] = [ann.lock("a"), ann.lock("b")];
    const onB = carl.queue("b");
    const onBoth = ben.queue(both);
    const onC = ben.queue(["c", { key: "b", mode: SHARED }]);
    expect(after(world, () => ann.release(a))).toEqual([]);
    carl.lock("d");
    expect(after(world, () => ann.release(b))).toEqual([onB]);
    const held = getLock(world, "b").holders[0];
    expect(after(world, () => held && carl.release(held))).toEqual([onBoth]);
    const second = getLock(world, "b").holders[0];
    expect(after(world, () => second && ben.release(second))).toEqual([onC]);
  });

  it("free together are granted to all their waiters in the order of arrival over all of them", () => {
    const { world, ann, ben, carl } = people();
    const lock = ann.lock(["z", "a", "m"]);
    const tickets = [ben.queue("m"), carl.queue("z"), ben.queue(["a", "m"]), carl.queue("a")];
    expect(after(world, () => ann.release(lock))).toEqual([tickets[0], tickets[1]]);
    const held = getLock(world, "m").holders[0];
    expect(after(world, () => held && ben.release(held))).toEqual([tickets[2]]);
  });

  it("tell of all keys who is in the way, holders first, 16 at most [LOCK-28]", () => {
    const { ann, ben, carl } = people();
    const holder = ann.lock("b");
    const ticket = ben.queue(["a", "b"]);
    expect(carl.acquire(["a", "b"])).toMatchObject({
      blockers: [
        { key: "b", holdId: holder.holdId, mode: EXCLUSIVE },
        { key: "a", ticketId: ticket },
        { key: "b", ticketId: ticket },
      ],
    });
    for (let i = 0; i < 20; i++) ben.queue("a");
    const denied = carl.acquire(["a", "b"]);
    expect(denied.case === "denied" && denied.blockers.length).toBe(16);
  });

  it("tell the place at the key where most stand before [LOCK-29]", () => {
    const { ann, ben, carl } = people();
    ann.lock(["a", "b"]);
    ben.queue("a");
    ben.queue("b");
    ben.queue("b");
    const queued = carl.acquire(["a", "b"], { waitMs: 9, answerQueued: true });
    expect(queued).toMatchObject({ case: "queued", position: 2 });
    expect(carl.get().tickets).toMatchObject([{ queued: { position: 2 } }]);
  });
});

describe("A long queue", () => {
  it("is not walked where nobody in it can be granted", () => {
    const { world, ann, ben } = people();
    world.checked = false;
    const lock = ann.lock("a", { mode: SHARED });
    const other = ann.lock("a", { mode: SHARED });
    for (let i = 0; i < 5_000; i++) ben.queue("a");
    const walked = countWalked(world, "a");
    ann.release(lock);
    expect(walked()).toBeLessThan(2);
    ann.release(other);
    expect(walked()).toBeLessThan(4);
  });

  it("is walked once for all who wait for another key too, not once for each", () => {
    const { world, ann, ben, carl } = people();
    world.checked = false;
    const lock = ann.lock("a", { mode: SHARED });
    ann.lock("b", { mode: SHARED });
    const turn = ann.lock("c", { mode: SHARED });
    const others = [
      { key: "a", mode: SHARED },
      { key: "b", mode: SHARED },
      { key: "c", mode: SHARED },
    ];
    const first = carl.queue("c");
    for (let i = 0; i < 1_000; i++) ben.queue(others);
    const walked = countWalked(world, "b");
    ann.release(lock);
    expect(walked()).toBeLessThan(1_100);
    expect(after(world, () => ann.release(turn))).toEqual([first]);
  });

  it("is not walked for those who wait for a key that is held", () => {
    const { world, ann, ben } = people();
    world.checked = false;
    const lock = ann.lock("a", { mode: SHARED });
    ann.lock("c");
    const wanted = [{ key: "a", mode: SHARED }, { key: "b", mode: SHARED }, "c"];
    for (let i = 0; i < 1_000; i++) ben.queue(wanted);
    const walked = countWalked(world, "b");
    ann.release(lock);
    expect(walked()).toBe(0);
  });
});
