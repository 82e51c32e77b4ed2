import {
  CancelOutcome,
  DeniedReason,
  ErrorReason,
  HoldEnd,
  LockMode,
  LossReason,
  Reentrancy,
  ReleaseOutcome,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import {
  type AcquireOptions,
  type Client,
  forceRelease,
  getLock,
  type Held,
  open,
  refused,
  setPolicy,
  type Wanted,
} from "../testing-support/client.ts";
import { convert, transfer } from "../testing-support/holding.ts";
import { quarantineIdentity } from "../testing-support/operator.ts";
import { World } from "../testing-support/world.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;

function people(): { world: World; ann: Client; ben: Client; cat: Client } {
  const world = new World();
  return {
    world,
    ann: open(world, { principal: "ann" }),
    ben: open(world, { principal: "ben" }),
    cat: open(world, { principal: "cat" }),
  };
}

/** Ann's request 7 waits for what is held, behind Ben's. */
function bothQueue(
  { ann, ben }: { ann: Client; ben: Client },
  wanted: Wanted | readonly Wanted[],
  options: AcquireOptions = {},
): void {
  ben.queue(wanted);
  ann.queue(wanted, { ...options, requestId: 7n });
}

const NO_SUCH_WAITER = { case: "denied", value: { reason: DeniedReason.NO_SUCH_WAITER } };

describe("A Transfer", () => {
  it("ends the hold and grants the waiter a new one, past everybody else [LOCK-90]", () => {
    const { world, ann, ben, cat } = people();
    const held = cat.lock(["a", "b"]);
    bothQueue({ ann, ben }, ["b", "a"]);
    const holdId = world.state.revision + 2n;
    expect(transfer(cat, held, ann.id, 7n)).toMatchObject({
      case: "granted",
      value: { holdId, token: holdId, count: 1 },
    });
    expect(world.batches.at(-1)?.map(({ body }) => body.case)).toEqual([
      "holdTransferred",
      "lockGranted",
    ]);
    expect(world.events.at(-1)?.body.value).toMatchObject({ transferredFrom: held.holdId });
    for (const key of ["a", "b"])
      expect(getLock(world, key)).toMatchObject({
        holders: [{ holdId, sessionId: ann.id }],
        queueLength: 1,
      });
    expect(ann.acquire(["b", "a"], { requestId: 7n, waitMs: 600_000 })).toMatchObject({
      case: "granted",
      holdId,
    });
  });

  it("is held under the terms of the request it goes to, and its policies [LOCK-92]", () => {
    const { world, ann, cat } = people();
    const held = cat.lock("a", { value: Uint8Array.of(1), maxHoldMs: 9_000 });
    setPolicy(world, { keyPrefix: "a", lockDelayMs: 4_000 });
    ann.queue("a", { requestId: 7n, value: Uint8Array.of(2), maxHoldMs: 5_000 });
    transfer(cat, held, ann.id, 7n);
    expect(getLock(world, "a").holders).toMatchObject([
      { value: Uint8Array.of(2), maxHoldRemainingMs: 5_000n },
    ]);
    expect(world.events.at(-1)?.body.value).toMatchObject({
      terms: { onLoss: { delayMs: 4_000n } },
    });
  });

  it("ends the whole hold whatever it counts, without any delay [LOCK-93]", () => {
    const { world, ann, cat } = people();
    const held = cat.lock("a", { owner: "o", onLoss: 2, delayMs: 9_000 });
    cat.acquire("a", { owner: "o", reentrancy: Reentrancy.COUNT });
    ann.queue("a", { requestId: 7n });
    transfer(cat, held, ann.id, 7n);
    expect(getLock(world, "a")).toMatchObject({ holders: [{ sessionId: ann.id }], delays: [] });
  });

  it("makes a later Release of the old hold be answered as done [LOCK-67]", () => {
    const { world, ann, cat } = people();
    const held = cat.lock("a");
    ann.queue("a", { requestId: 7n });
    transfer(cat, held, ann.id, 7n);
    const before = world.state.revision;
    expect(cat.release(held).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
    expect(world.state.revision).toBe(before);
  });

  it("that is repeated has the same outcome, after a recovery too", () => {
    const { world, ann, cat } = people();
    const held = cat.lock("a");
    ann.queue("a", { requestId: 7n });
    const first = transfer(cat, held, ann.id, 7n, { requestId: 9n });
    world.restart();
    expect(transfer(cat, held, ann.id, 7n, { requestId: 9n })).toEqual(first);
    const other = refused(() => transfer(cat, held, ann.id, 8n, { requestId: 9n }));
    expect(other.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    expect(refused(() => cat.cancel(9n)).reason).toBe(ErrorReason.INVALID_FIELD);
  });

  it("of a hold that is over, or with another token, tells what became of it [LOCK-88]", () => {
    const { world, ann, cat } = people();
    const given = cat.lock("a", { mode: UPGRADABLE });
    const token = { ...given };
    const converted = convert(cat, given, "a", EXCLUSIVE);
    if (converted.case !== "granted") throw new Error("not converted");
    ann.queue("a", { requestId: 7n });
    const endOf = (held: Held) => transfer(cat, held, ann.id, 7n);
    expect(endOf(token)).toMatchObject({ case: "notHeld", value: { end: HoldEnd.UNKNOWN } });
    expect(endOf(converted.value).case).toBe("granted");
    expect(endOf(converted.value)).toMatchObject({
      case: "notHeld",
      value: { end: HoldEnd.TRANSFERRED },
    });
    const lost = cat.lock("b");
    forceRelease(world, "b", lost.token);
    expect(endOf(lost)).toMatchObject({
      case: "notHeld",
      value: { end: HoldEnd.LOST, lostReason: LossReason.FORCE_RELEASED },
    });
  });

  it("ends a waiting Convert of the hold, which is told so [LOCK-87]", () => {
    const { ann, ben, cat } = people();
    const held = cat.lock("a", { mode: UPGRADABLE });
    ben.lock("a", { mode: SHARED });
    ann.queue("a", { requestId: 7n, mode: UPGRADABLE });
    const again = () => convert(cat, held, "a", EXCLUSIVE, { waitMs: 60_000, requestId: 9n });
    again();
    transfer(cat, held, ann.id, 7n);
    expect(again()).toMatchObject({ case: "notHeld", value: { end: HoldEnd.TRANSFERRED } });
  });

  it("of permits works when the policy offers fewer by now than are held", () => {
    const { world, ann, ben, cat } = people();
    setPolicy(world, { keyPrefix: "p", permits: 5 });
    const two = { mode: PERMITS, permits: 2 };
    const held = cat.lock("p", two);
    ben.lock("p", two);
    ann.queue("p", { ...two, requestId: 7n });
    setPolicy(world, { keyPrefix: "p", permits: 2 });
    expect(transfer(cat, held, ann.id, 7n).case).toBe("granted");
    expect(getLock(world, "p").holders).toHaveLength(2);
  });

  it("is denied in the pause of a new lineage, and granted after it [REC-33]", () => {
    const { world, ann, cat } = people();
    const held = cat.lock("a");
    ann.queue("a", { requestId: 7n });
    world.restart({ lineage: true, grantPauseMs: 5_000 });
    world.advance(1_000);
    expect(transfer(cat, held, ann.id, 7n)).toMatchObject({
      case: "denied",
      value: { reason: DeniedReason.LOCK_DELAY, retryAfterMs: 4_000n },
    });
    world.advance(3_999);
    expect(transfer(cat, held, ann.id, 7n).case).toBe("denied");
    expect(getLock(world, "a").holders).toMatchObject([{ sessionId: cat.id }]);
    world.advance(1);
    expect(transfer(cat, held, ann.id, 7n).case).toBe("granted");
  });
});

describe("A Transfer is denied, and changes nothing, [LOCK-91]", () => {
  function denied(prepare: (all: ReturnType<typeof people>) => Held, toRequestId = 7n): void {
    const all = people();
    const { world, ann, cat } = all;
    const held = prepare(all);
    const before = world.state.revision;
    expect(transfer(cat, held, ann.id, toRequestId, { requestId: 9n })).toMatchObject(
      NO_SUCH_WAITER,
    );
    expect(world.state.revision).toBe(before);
    expect(transfer(cat, held, ann.id, toRequestId, { requestId: 9n })).toMatchObject(
      NO_SUCH_WAITER,
    );
  }

  it("to a session that is not known, or has ended", () => {
    const { ann, cat } = people();
    const held = cat.lock("a");
    ann.queue("a", { requestId: 7n });
    expect(transfer(cat, held, 999n, 7n)).toMatchObject(NO_SUCH_WAITER);
    ann.close();
    expect(transfer(cat, held, ann.id, 7n)).toMatchObject(NO_SUCH_WAITER);
  });

  it("to a request that does not wait, or never was", () => {
    denied(({ ann, cat }) => {
      ann.lock("b", { requestId: 7n });
      return cat.lock("a");
    });
    denied(({ cat }) => cat.lock("a"));
  });

  it("to a request that waits for another mode, other keys, more keys or other permits", () => {
    const holds: [Wanted | readonly Wanted[], Wanted | readonly Wanted[]][] = [
      ["a", { key: "a", mode: SHARED }],
      [["a", "b"], "a"],
      ["a", ["a", "b"]],
      [
        { key: "p", mode: PERMITS, permits: 2 },
        { key: "p", mode: PERMITS, permits: 1 },
      ],
    ];
    for (const [wanted, other] of holds) {
      denied(({ world, ann, cat }) => {
        setPolicy(world, { keyPrefix: "p", permits: 2 });
        const held = cat.lock(wanted);
        ann.queue(other, { requestId: 7n });
        return held;
      });
    }
  });

  it("to a waiting Convert", () => {
    denied(({ ann, cat }) => {
      const beside = ann.lock("a", { mode: UPGRADABLE });
      const held = cat.lock("a", { mode: SHARED });
      convert(ann, beside, "a", EXCLUSIVE, { waitMs: 60_000, requestId: 7n });
      return held;
    });
  });

  it("to a principal that is quarantined: its waiters were denied", () => {
    denied(({ world, ann, cat }) => {
      const held = cat.lock("a");
      ann.queue("a", { requestId: 7n });
      quarantineIdentity(world, "ann");
      return held;
    });
  });
});

it("A Transfer of what is waited for is not taken back by a cancel of the waiter", () => {
  const { ann, cat } = people();
  const held = cat.lock("a");
  ann.queue("a", { requestId: 7n });
  transfer(cat, held, ann.id, 7n);
  expect(ann.cancel(7n).outcome).toBe(CancelOutcome.ALREADY_GRANTED);
});
