import {
  CancelOutcome,
  DeniedReason,
  ErrorReason,
  HoldEnd,
  LockMode,
  LossReason,
  ReleaseOutcome,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, getLock, type Held, refused, setPolicy } from "../testing-support/client.ts";
import { convert, reasonOf } from "../testing-support/holding.ts";
import { people, upgradable } from "../testing-support/people.ts";
import type { World } from "../testing-support/world.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;
const WAIT = { waitMs: 60_000 };

/** The bodies of the events since a revision. */
function casesAfter(world: World, revision: bigint): (string | undefined)[] {
  return world.events.filter((event) => event.revision > revision).map(({ body }) => body.case);
}

describe("A Convert to something weaker", () => {
  it.each([
    [EXCLUSIVE, SHARED],
    [EXCLUSIVE, UPGRADABLE],
    [UPGRADABLE, SHARED],
  ])("from %i to %i is granted at once with the same token [LOCK-80]", (from, to) => {
    const { world, ann } = people();
    const held = ann.lock("a", { mode: from });
    expect(convert(ann, held, "a", to)).toMatchObject({
      case: "granted",
      value: { ...held, count: 1 },
    });
    expect(getLock(world, "a").holders).toMatchObject([{ mode: to, token: held.token }]);
  });

  it("lets those who no longer conflict in, in the same step [LOCK-80]", () => {
    const { world, ann, ben, carl } = people();
    const held = ann.lock("a");
    ben.queue("a", { mode: SHARED });
    carl.queue("a", { mode: UPGRADABLE });
    const before = world.state.revision;
    convert(ann, held, "a", SHARED);
    expect(casesAfter(world, before)).toEqual(["holdConverted", "lockGranted", "lockGranted"]);
  });

  it("is done while the owner waits for something else", () => {
    const { ann, ben } = people();
    const held = ann.lock("a", { owner: "o" });
    ben.lock("b");
    ann.queue("b", { owner: "o" });
    expect(convert(ann, held, "a", SHARED).case).toBe("granted");
  });

  it("is denied while a Convert of that key waits", () => {
    const { ann, ben } = people();
    const held = upgradable(ann);
    ben.lock("a", { mode: SHARED });
    convert(ann, held, "a", EXCLUSIVE, WAIT);
    expect(reasonOf(convert(ann, held, "a", SHARED))).toBe(DeniedReason.OWNER_BUSY);
  });
});

describe("A Convert to EXCLUSIVE", () => {
  it("that nobody is in the way of gives the whole hold a new token, and keeps its id [LOCK-81]", () => {
    const { world, ann } = people();
    const held = ann.lock([
      { key: "a", mode: UPGRADABLE },
      { key: "b", mode: SHARED },
    ]);
    const token = world.state.revision + 1n;
    expect(convert(ann, held, "a", EXCLUSIVE)).toMatchObject({
      case: "granted",
      value: { holdId: held.holdId, token },
    });
    expect(getLock(world, "b").holders).toMatchObject([{ mode: SHARED, token }]);
    const [hold] = ann.get().holds;
    expect(hold).toMatchObject({ token, earlierTokens: [held.token], requestIds: [1n, 2n] });
  });

  it("waits for those beside it, is granted before all who wait, and by a new token [LOCK-84] [LOCK-48]", () => {
    const { world, ann, ben, carl } = people();
    const held = upgradable(ann);
    const beside = ben.lock("a", { mode: SHARED });
    carl.queue("a");
    const waiting = convert(ann, held, "a", EXCLUSIVE, WAIT);
    expect(waiting).toEqual({ case: "waiting", value: world.state.revision });
    expect(ann.get().tickets).toMatchObject([{ holdId: held.holdId, queued: { position: 0 } }]);
    ben.release(beside);
    expect(getLock(world, "a").holders).toMatchObject([
      { holdId: held.holdId, mode: EXCLUSIVE, token: world.state.revision },
    ]);
    expect(ann.get().tickets).toEqual([]);
  });

  it("that waits keeps newcomers out who would be let in beside it [LOCK-84]", () => {
    const { ann, ben, carl } = people();
    const held = upgradable(ann);
    ben.lock("a", { mode: SHARED });
    convert(ann, held, "a", EXCLUSIVE, WAIT);
    expect(carl.acquire("a", { mode: SHARED })).toMatchObject({
      case: "denied",
      reason: DeniedReason.CONTENDED,
    });
  });

  it("that does not want to wait is denied and leaves the hold as it was [LOCK-85] [LOCK-86]", () => {
    const { world, ann, ben } = people();
    const held = upgradable(ann);
    const beside = ben.lock("a", { mode: SHARED });
    const converted = convert(ann, held, "a", EXCLUSIVE);
    expect(converted).toMatchObject({
      case: "denied",
      value: { reason: DeniedReason.CONTENDED, blockers: [{ holdId: beside.holdId }] },
    });
    expect(getLock(world, "a").holders).toMatchObject([
      { mode: UPGRADABLE, token: held.token },
      {},
    ]);
  });

  it("is denied LOCK_DELAY when only a lost hold is in its way", () => {
    const { world, ann, ben } = people();
    const held = upgradable(ann);
    forceRelease(world, "a", ben.lock("a", { mode: SHARED }).token);
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE))).toBe(DeniedReason.LOCK_DELAY);
  });

  it("that waits for a lost hold is granted when that is over", () => {
    const { world, ann, ben } = people();
    const held = upgradable(ann);
    forceRelease(world, "a", ben.lock("a", { mode: SHARED }).token);
    const lossRevision = world.state.revision;
    convert(ann, held, "a", EXCLUSIVE, WAIT);
    ben.keepAlive(lossRevision);
    expect(getLock(world, "a").holders).toMatchObject([{ mode: EXCLUSIVE }]);
  });

  it("times out like any wait, and leaves the hold as it was [LOCK-86]", () => {
    const { world, ann, ben } = people();
    const held = upgradable(ann);
    ben.lock("a", { mode: SHARED });
    convert(ann, held, "a", EXCLUSIVE, { waitMs: 5_000, requestId: 9n });
    world.advance(5_000);
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE, { waitMs: 5_000, requestId: 9n }))).toBe(
      DeniedReason.WAIT_TIMED_OUT,
    );
    expect(ann.release(held).outcome).toBe(ReleaseOutcome.RELEASED);
  });

  it("waits no longer than the policy of its key allows [LOCK-24]", () => {
    const { world, ann, ben } = people();
    setPolicy(world, { keyPrefix: "a", maxWaitMs: 1_000 });
    const held = upgradable(ann);
    ben.lock("a", { mode: SHARED });
    convert(ann, held, "a", EXCLUSIVE, WAIT);
    world.advance(1_000);
    expect(ann.get().tickets).toEqual([]);
  });

  it("is not granted while a new lineage grants nothing", () => {
    const { world, ann } = people();
    const held = upgradable(ann);
    world.restart({ lineage: true, grantPauseMs: 5_000 });
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE))).toBe(DeniedReason.LOCK_DELAY);
    convert(ann, held, "a", EXCLUSIVE, WAIT);
    world.advance(5_000);
    expect(getLock(world, "a").holders).toMatchObject([{ mode: EXCLUSIVE }]);
  });
});

describe("A Convert", () => {
  it.each([EXCLUSIVE, SHARED, UPGRADABLE])(
    "to the mode %i the key has already is granted with no change [LOCK-82]",
    (mode) => {
      const { world, ann } = people();
      const held = ann.lock("a", { mode });
      const before = world.state.revision;
      expect(convert(ann, held, "a", mode)).toMatchObject({ case: "granted", value: held });
      expect(world.state.revision).toBe(before);
    },
  );

  it.each([
    [SHARED, UPGRADABLE],
    [SHARED, EXCLUSIVE],
    [UPGRADABLE, PERMITS],
    [EXCLUSIVE, PERMITS],
  ])("from %i to %i is refused [LOCK-83]", (from, to) => {
    const { world, ann } = people();
    const held = ann.lock("a", { mode: from });
    const before = world.state.revision;
    expect(reasonOf(convert(ann, held, "a", to, WAIT))).toBe(DeniedReason.UPGRADE_REFUSED);
    expect(world.state.revision).toBe(before);
  });

  it("of permits is refused [LOCK-83]", () => {
    const { world, ann } = people();
    setPolicy(world, { keyPrefix: "a", permits: 3 });
    const held = ann.lock({ key: "a", mode: PERMITS, permits: 2 });
    for (const mode of [SHARED, UPGRADABLE, EXCLUSIVE])
      expect(reasonOf(convert(ann, held, "a", mode))).toBe(DeniedReason.UPGRADE_REFUSED);
    expect(convert(ann, held, "a", PERMITS).case).toBe("granted");
  });

  it("of a key that the hold does not have is refused, and changes nothing", () => {
    const { ann } = people();
    const held = upgradable(ann);
    const refusal = refused(() => convert(ann, held, "b", EXCLUSIVE));
    expect(refusal).toMatchObject({
      reason: ErrorReason.INVALID_FIELD,
      metadata: { field: "key" },
    });
  });

  it("of a hold that is over tells what became of it [LOCK-88]", () => {
    const { world, ann, ben } = people();
    const released = upgradable(ann, "a");
    ann.release(released);
    const lost = upgradable(ann, "b");
    forceRelease(world, "b", lost.token);
    const ofBen = ben.lock("c", { mode: UPGRADABLE });
    const endOf = (held: Held) => convert(ann, held, "a", SHARED);
    expect(endOf(released)).toMatchObject({ case: "notHeld", value: { end: HoldEnd.RELEASED } });
    for (const held of [released, lost])
      expect(endOf({ ...held, token: held.token + 1n })).toMatchObject({
        value: { end: HoldEnd.UNKNOWN },
      });
    expect(endOf(lost)).toMatchObject({
      case: "notHeld",
      value: { end: HoldEnd.LOST, lostReason: LossReason.FORCE_RELEASED },
    });
    expect(endOf(ofBen)).toMatchObject({ case: "notHeld", value: { end: HoldEnd.UNKNOWN } });
  });

  it("with a token that is not the present one changes nothing [LOCK-88]", () => {
    const { world, ann } = people();
    const held = upgradable(ann);
    convert(ann, held, "a", EXCLUSIVE);
    const before = world.state.revision;
    expect(convert(ann, held, "a", SHARED)).toMatchObject({
      case: "notHeld",
      value: { end: HoldEnd.UNKNOWN },
    });
    expect(world.state.revision).toBe(before);
  });

  it("that is repeated has the same outcome, and continues the same wait", () => {
    const { world, ann, ben } = people();
    const held = upgradable(ann);
    const beside = ben.lock("a", { mode: SHARED });
    const again = () => convert(ann, held, "a", EXCLUSIVE, { ...WAIT, requestId: 9n });
    const first = again();
    const before = world.state.revision;
    expect(again()).toEqual(first);
    expect(world.state.revision).toBe(before);
    ben.release(beside);
    const granted = { holdId: held.holdId, token: world.state.revision, count: 1 };
    expect(again()).toMatchObject({ case: "granted", value: granted });
    world.restart();
    expect(again()).toMatchObject({ case: "granted", value: granted });
    const other = refused(() => convert(ann, held, "a", EXCLUSIVE, { waitMs: 1, requestId: 9n }));
    expect(other.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
  });

  it("that was cancelled before it came is denied when it comes [LOCK-77]", () => {
    const { ann } = people();
    const held = upgradable(ann);
    expect(ann.cancel(9n).outcome).toBe(CancelOutcome.UNKNOWN_REQUEST);
    expect(reasonOf(convert(ann, held, "a", EXCLUSIVE, { requestId: 9n }))).toBe(
      DeniedReason.CANCELLED,
    );
  });
});
