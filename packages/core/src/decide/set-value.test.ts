import { ErrorReason, HoldEnd, LossReason } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { forceRelease, getLock, open, refused } from "../testing-support/client.ts";
import { setValue } from "../testing-support/holding.ts";
import { World } from "../testing-support/world.ts";

const ONE = Uint8Array.of(1);
const TWO = Uint8Array.of(2, 2);

describe("SetValue", () => {
  it("changes what is shown of the lock for as long as it is held [LOCK-95]", () => {
    const world = new World();
    const ann = open(world);
    const held = ann.lock("a", { value: ONE });
    expect(setValue(ann, held, TWO).notHeld).toBeUndefined();
    expect(getLock(world, "a").holders).toMatchObject([{ value: TWO }]);
    world.restart();
    expect(getLock(world, "a").holders).toMatchObject([{ value: TWO }]);
    ann.release(held);
    expect(ann.lock("a")).toBeDefined();
    expect(getLock(world, "a").holders).toMatchObject([{ value: new Uint8Array() }]);
  });

  it("that is repeated changes nothing again, after a recovery too", () => {
    const world = new World();
    const ann = open(world);
    const held = ann.lock("a");
    setValue(ann, held, ONE, { requestId: 9n });
    setValue(ann, held, TWO, { requestId: 10n });
    world.restart();
    const before = world.state.revision;
    expect(setValue(ann, held, ONE, { requestId: 9n }).notHeld).toBeUndefined();
    expect(world.state.revision).toBe(before);
    expect(getLock(world, "a").holders).toMatchObject([{ value: TWO }]);
    const other = refused(() => setValue(ann, held, TWO, { requestId: 9n }));
    expect(other.reason).toBe(ErrorReason.REQUEST_ID_REUSED);
    expect(refused(() => ann.cancel(9n)).reason).toBe(ErrorReason.INVALID_FIELD);
  });

  it("of a hold that is over tells what became of it, and so does a repeat [LOCK-88]", () => {
    const world = new World();
    const ann = open(world);
    const held = ann.lock("a");
    forceRelease(world, "a", held.token);
    const lost = { end: HoldEnd.LOST, lostReason: LossReason.FORCE_RELEASED };
    expect(setValue(ann, held, ONE, { requestId: 9n }).notHeld).toMatchObject(lost);
    expect(setValue(ann, held, ONE, { requestId: 9n }).notHeld).toMatchObject(lost);
    const unknown = setValue(ann, { ...held, token: held.token + 1n }, ONE);
    expect(unknown.notHeld).toMatchObject({ end: HoldEnd.UNKNOWN });
  });

  it("counts in the bytes of its session, and gives them back", () => {
    const world = new World({ limits: { max_held_bytes_per_session: 100 } });
    const ann = open(world);
    const held = ann.lock("a", { value: new Uint8Array(90) });
    const refusal = refused(() => setValue(ann, held, new Uint8Array(100)));
    expect(refusal.metadata).toEqual({ limit: "max_held_bytes_per_session", max: "100" });
    setValue(ann, held, new Uint8Array(99));
    setValue(ann, held, new Uint8Array(1));
    ann.lock("b", { value: new Uint8Array(90) });
  });

  it("is refused while storage is low, but for a repeat", () => {
    const world = new World();
    const ann = open(world);
    const held = ann.lock("a");
    setValue(ann, held, ONE, { requestId: 9n });
    world.storageLow = true;
    expect(refused(() => setValue(ann, held, TWO)).reason).toBe(ErrorReason.STORAGE_LOW);
    expect(setValue(ann, held, ONE, { requestId: 9n }).notHeld).toBeUndefined();
    expect(getLock(world, "a").holders).toMatchObject([{ value: ONE }]);
  });
});
