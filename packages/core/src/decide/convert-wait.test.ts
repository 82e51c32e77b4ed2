import {
  CancelOutcome,
  DeniedReason,
  HoldEnd,
  LockMode,
  LossReason,
  ReleaseOutcome,
  TicketEnd,
} from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, getLock, open, refused, revoke } from "../testing-support/client.ts";
import { convert, reasonOf } from "../testing-support/holding.ts";
import { people, upgradable } from "../testing-support/people.ts";
import { World } from "../testing-support/world.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE } = LockMode;
const WAIT = { waitMs: 60_000 };

describe("A Convert that waits", () => {
  function waiting(owner = "") {
    const { world, ann, ben, carl } = people();
    const held = upgradable(ann, "a", owner);
    const beside = ben.lock("a", { mode: SHARED });
    const again = () => convert(ann, held, "a", EXCLUSIVE, { ...WAIT, requestId: 9n });
    again();
    return { world, ann, ben, carl, held, beside, again };
  }

  it("is cancelled by its request id; the hold stays [LOCK-79]", () => {
    const { world, ann, held, again } = waiting();
    expect(ann.cancel(9n).outcome).toBe(CancelOutcome.CANCELLED);
    expect(reasonOf(again())).toBe(DeniedReason.CANCELLED);
    expect(getLock(world, "a").holders[0]).toMatchObject({ mode: UPGRADABLE, token: held.token });
  });

  it("and was granted is told to whoever cancels it, with the grant [LOCK-76]", () => {
    const { world, ann, ben, held, beside } = waiting();
    ben.release(beside);
    expect(ann.cancel(9n)).toMatchObject({
      outcome: CancelOutcome.ALREADY_GRANTED,
      granted: { holdId: held.holdId, token: world.state.revision, count: 1 },
    });
  });

  it("is the one wait of its owner, with one or without [LOCK-39]", () => {
    for (const owner of ["o", ""]) {
      const { ann, carl, held } = waiting(owner);
      expect(reasonOf(convert(ann, held, "a", EXCLUSIVE, WAIT))).toBe(DeniedReason.OWNER_BUSY);
      carl.lock("b");
      const other = ann.acquire("b", { owner, waitMs: 60_000 });
      expect(other.case).toBe(owner === "" ? "waiting" : "denied");
    }
  });

  it("is the one wait of a hold without an owner, of all its keys", () => {
    const { ann, ben } = people();
    const keys = ["a", "b"];
    const held = ann.lock(keys, { mode: UPGRADABLE });
    ben.lock(keys, { mode: SHARED });
    expect(convert(ann, held, "a", EXCLUSIVE, WAIT).case).toBe("waiting");
    expect(reasonOf(convert(ann, held, "b", EXCLUSIVE, WAIT))).toBe(DeniedReason.OWNER_BUSY);
    expect(reasonOf(convert(ann, held, "b", EXCLUSIVE))).toBe(DeniedReason.CONTENDED);
    expect(convert(ann, held, "b", SHARED).case).toBe("granted");
  });

  it("ends as cancelled when the hold is released [LOCK-72]", () => {
    const { ann, held, again } = waiting();
    expect(ann.release(held).outcome).toBe(ReleaseOutcome.RELEASED);
    expect(reasonOf(again())).toBe(DeniedReason.CANCELLED);
    expect(ann.get().tickets).toEqual([]);
  });

  it("is told that its hold was lost [LOCK-87]", () => {
    const { world, held, again } = waiting();
    forceRelease(world, "a", held.token);
    expect(again()).toMatchObject({
      case: "notHeld",
      value: { end: HoldEnd.LOST, lostReason: LossReason.FORCE_RELEASED },
    });
    const [ended] = world.events.filter(({ body }) => body.case === "ticketEnded");
    expect(ended?.body.value).toMatchObject({ end: TicketEnd.HOLD_ENDED });
  });

  it("is gone with its session", () => {
    const { world, ann, ben, beside } = waiting();
    revoke(world, ann.id);
    expect(world.state.tickets.size).toBe(0);
    ben.release(beside);
    expect(getLock(world, "a")).toMatchObject({ holders: [], queueLength: 0 });
  });

  it("counts among the waiters of its session", () => {
    const world = new World({ limits: { max_waiters_per_session: 0 } });
    const [ann, ben] = [open(world), open(world)];
    const held = upgradable(ann);
    ben.lock("a", { mode: SHARED });
    const refusal = refused(() => convert(ann, held, "a", EXCLUSIVE, WAIT));
    expect(refusal.metadata).toMatchObject({ limit: "max_waiters_per_session" });
  });

  it("counts among the bytes of its session", () => {
    const world = new World({ limits: { max_held_bytes_per_session: 700 } });
    const [ann, ben] = [open(world), open(world)];
    const key = "k".repeat(500);
    const held = upgradable(ann, key);
    ben.lock(key, { mode: SHARED });
    const refusal = refused(() => convert(ann, held, key, EXCLUSIVE, WAIT));
    expect(refusal.metadata).toMatchObject({ limit: "max_held_bytes_per_session" });
  });
});
