import { LockMode } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { getLock, open } from "../testing-support/client.ts";
import { requestRelease } from "../testing-support/operator.ts";
import { World } from "../testing-support/world.ts";

const { SHARED } = LockMode;

describe("RequestRelease", () => {
  it("takes nothing, and is shown to the holder and to everybody [LOCK-97] [LOCK-99]", () => {
    const world = new World();
    const ann = open(world);
    const held = ann.lock("a");
    expect(requestRelease(world, "a", 0n, "deployment")).toEqual([held.holdId]);
    const { revision } = world.state;
    const releaseAsked = { revision, actor: "operator", reason: "deployment" };
    expect(ann.get().holds).toMatchObject([{ holdId: held.holdId, releaseAsked }]);
    expect(getLock(world, "a").holders).toMatchObject([{ holdId: held.holdId, releaseAsked }]);
  });

  it("is news to the session, which keep-alives tell until it has acted on them", () => {
    const world = new World();
    const ann = open(world);
    ann.lock("a");
    expect(ann.keepAlive().sessionRevision).toBe(0n);
    requestRelease(world, "a");
    const { revision } = world.state;
    expect(ann.keepAlive().sessionRevision).toBe(revision);
    world.restart();
    expect(ann.keepAlive().sessionRevision).toBe(revision);
  });

  it("asks every holder of the key, or only that of a token [LOCK-97]", () => {
    const world = new World();
    const [ann, ben] = [open(world), open(world)];
    const [one, two] = [ann.lock("a", { mode: SHARED }), ben.lock("a", { mode: SHARED })];
    expect(requestRelease(world, "a", two.token)).toEqual([two.holdId]);
    expect(getLock(world, "a").holders[0]?.releaseAsked).toBeUndefined();
    expect(requestRelease(world, "a")).toEqual([one.holdId, two.holdId]);
  });

  it("makes no event for who was asked before, and none when nobody holds [LOCK-98]", () => {
    const world = new World();
    const ann = open(world);
    const held = ann.lock("a");
    requestRelease(world, "a");
    const before = world.state.revision;
    expect(requestRelease(world, "a")).toEqual([held.holdId]);
    expect(requestRelease(world, "a", held.token + 1n)).toEqual([]);
    expect(requestRelease(world, "b")).toEqual([]);
    expect(world.state.revision).toBe(before);
  });
});
