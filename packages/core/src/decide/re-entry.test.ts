import {
  DeniedReason,
  LockMode,
  LockOrdering,
  Reentrancy,
  ReleaseOutcome,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  type Client,
  forceRelease,
  getLock,
  open,
  refused,
  setPolicy,
  type Wanted,
} from "../testing-support/client.ts";
import { expectSameState, replayed } from "../testing-support/durable.ts";
import { World } from "../testing-support/world.ts";

const COUNT = { owner: "job", reentrancy: Reentrancy.COUNT };
const { SHARED } = LockMode;

function people(options = {}): { world: World; ann: Client; ben: Client } {
  const world = new World(options);
  return { world, ann: open(world), ben: open(world) };
}

describe("Entering a hold again", () => {
  it("counts one more, with the same hold and token, whoever waits [LOCK-3, LOCK-37, LOCK-48]", () => {
    const { world, ann, ben } = people();
    const lock = ann.lock("a", COUNT);
    ben.queue("a");
    expect(ann.acquire("a", COUNT)).toMatchObject({ case: "granted", ...lock, count: 2 });
    expect(world.events.at(-1)).toMatchObject({
      actor: "peer",
      body: { case: "holdCountChanged", value: { holdId: lock.holdId, count: 2 } },
    });
    expect(ann.get().holds).toMatchObject([{ count: 2, requestIds: [1n, 2n] }]);
    expect(getLock(world, "a").holders).toMatchObject([{ count: 2 }]);
  });

  it("takes as many releases as it took grants [LOCK-65, LOCK-66]", () => {
    const { world, ann, ben } = people();
    const lock = ann.lock("a", COUNT);
    ann.acquire("a", COUNT);
    ann.acquire("a", COUNT);
    expect(ann.release(lock, { requestId: 9n })).toMatchObject({
      outcome: ReleaseOutcome.STILL_HELD,
      count: 2,
    });
    expect(ann.release(lock, { requestId: 9n }).count).toBe(2);
    expect(ann.release(lock).count).toBe(1);
    expect(ben.acquire("a")).toMatchObject({ reason: DeniedReason.CONTENDED });
    expect(ann.release(lock)).toMatchObject({ outcome: ReleaseOutcome.RELEASED, count: 0 });
    expect(world.state.keys.size).toBe(0);
  });

  it("is not confirmed as lost by one of several releases: the others may still believe [LOCK-112]", () => {
    const { world, ann, ben } = people();
    const lock = ann.lock("a", COUNT);
    ann.acquire("a", COUNT);
    ben.queue("a");
    forceRelease(world, "a", lock.token);
    for (let i = 0; i < 2; i++) expect(ann.release(lock).outcome).toBe(ReleaseOutcome.LOST);
    expect(getLock(world, "a")).toMatchObject({ delays: [{ unconfirmed: true }], holders: [] });
    ann.keepAlive(world.state.revision);
    expect(getLock(world, "a")).toMatchObject({ delays: [], holders: [{ sessionId: ben.id }] });
  });

  it("gives a repeat its own count, also after a recovery", () => {
    const { world, ann } = people();
    ann.lock("a", COUNT);
    const second = ann.acquire("a", { ...COUNT, requestId: 2n });
    const lock = ann.acquire("a", { ...COUNT, requestId: 3n });
    ann.release(lock as never, { requestId: 4n });
    expectSameState(world.state, replayed(world.events, world.state.limits));
    world.restart();
    expect(ann.acquire("a", { ...COUNT, requestId: 2n })).toEqual(second);
    expect(ann.release(lock as never, { requestId: 4n })).toMatchObject({ count: 2 });
    expect(ann.get().holds).toMatchObject([{ count: 2, requestIds: [1n, 2n, 3n] }]);
  });

  it("is for exactly the same keys and modes, in whatever order [LOCK-37, LOCK-38]", () => {
    const { ann } = people();
    const both: Wanted[] = ["a", { key: "b", mode: SHARED }];
    ann.lock(both, COUNT);
    expect(ann.acquire([...both].reverse(), COUNT)).toMatchObject({ count: 2 });
    const others: Wanted[][] = [
      ["a"],
      ["a", "b"],
      [...both, "c"],
      ["c", { key: "b", mode: SHARED }],
      [{ key: "b", mode: SHARED }],
    ];
    for (const wanted of others)
      expect(ann.acquire(wanted, COUNT)).toMatchObject({ reason: DeniedReason.REENTRANCY });
  });

  it("is for exactly as many permits [LOCK-37, LOCK-38]", () => {
    const { world, ann } = people();
    setPolicy(world, { keyPrefix: "p", permits: 9 });
    const permits = (count: number) => ({ ...COUNT, mode: LockMode.PERMITS, permits: count });
    ann.lock("p", permits(2));
    expect(ann.acquire("p", permits(3))).toMatchObject({ reason: DeniedReason.REENTRANCY });
    expect(ann.acquire("p", permits(2))).toMatchObject({ count: 2 });
  });

  it("is not for who did not ask for it [LOCK-36]", () => {
    const { ann } = people();
    const { holdId } = ann.lock("a", { owner: "job", mode: SHARED });
    const reject = { owner: "job", mode: SHARED, reentrancy: Reentrancy.REJECT };
    for (const options of [reject, { owner: "job", mode: SHARED }])
      expect(ann.acquire("a", options)).toMatchObject({
        reason: DeniedReason.REENTRANCY,
        blockers: [{ holdId }],
      });
  });

  it("is not for another owner, nor for the same name in another session, nor for no name [LOCK-35, LOCK-40]", () => {
    const { ann, ben } = people();
    ann.lock("a", COUNT);
    expect(ben.acquire("a", COUNT)).toMatchObject({ reason: DeniedReason.CONTENDED });
    for (const owner of ["other", ""])
      expect(ann.acquire("a", { ...COUNT, owner })).toMatchObject({
        reason: DeniedReason.CONTENDED,
      });
    ann.lock("n", { reentrancy: Reentrancy.COUNT });
    expect(ann.acquire("n", { reentrancy: Reentrancy.COUNT })).toMatchObject({
      reason: DeniedReason.CONTENDED,
    });
  });

  it("is possible though the owner waits for something else", () => {
    const { ann, ben } = people();
    ann.lock("a", COUNT);
    ben.lock("b");
    ann.queue("b", { owner: "job" });
    expect(ann.acquire("a", COUNT)).toMatchObject({ case: "granted", count: 2 });
    expect(ann.acquire("c", { owner: "job" })).toMatchObject({ reason: DeniedReason.OWNER_BUSY });
  });

  it("needs no room for another hold, but some for its request id", () => {
    const { ann } = people({
      limits: { max_holds_per_session: 1, max_held_bytes_per_session: 4 + 24 },
    });
    ann.lock("a", COUNT);
    expect(ann.acquire("a", COUNT)).toMatchObject({ count: 2 });
    expect(refused(() => ann.acquire("a", COUNT)).metadata).toMatchObject({
      limit: "max_held_bytes_per_session",
    });
  });

  it("shows the last 1,024 of its request ids", () => {
    const { world, ann } = people();
    world.checked = false;
    ann.lock("a", COUNT);
    for (let i = 0; i < 1_030; i++) ann.acquire("a", COUNT);
    const ids = ann.get().holds[0]?.requestIds;
    expect(ids).toHaveLength(1_024);
    expect(ids?.at(-1)).toBe(1_031n);
  });
});

describe("Taking locks in ascending order", () => {
  function ascending(): ReturnType<typeof people> {
    const all = people();
    all.world.state.settings = {
      ...all.world.state.settings,
      ordering: LockOrdering.ASCENDING,
    };
    return all;
  }

  it("denies an owner a key that is not above all it holds [LOCK-62]", () => {
    const { ann, ben } = ascending();
    const lock = ann.lock(["m", "k"], { owner: "job" });
    const reason = DeniedReason.ORDER_VIOLATION;
    expect(ann.acquire("l", { owner: "job" })).toMatchObject({ reason });
    expect(ann.acquire(["n", "a"], { owner: "job", waitMs: 9 })).toMatchObject({ reason });
    // Beyond the letters of one UTF-16 unit: in the order of bytes it comes last.
    ann.lock("\u{1f512}", { owner: "job" });
    expect(ann.acquire("\uffe8", { owner: "job" })).toMatchObject({ reason });
    ann.lock("a", { owner: "other" });
    ann.lock("b");
    ben.lock("c", { owner: "job" });
    ann.release(lock);
  });

  it("asks neither who enters a hold again nor who holds nothing more [LOCK-63]", () => {
    const { ann } = ascending();
    ann.lock("a", COUNT);
    const lock = ann.lock("b", COUNT);
    expect(ann.acquire("a", COUNT)).toMatchObject({ count: 2 });
    ann.release(lock);
    ann.lock("aa", COUNT);
  });
});
