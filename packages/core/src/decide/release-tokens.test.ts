import { LockMode, LossReason, ReleaseOutcome } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type Client, forceRelease, type Held, open } from "../testing-support/client.ts";
import { convert } from "../testing-support/holding.ts";
import { World } from "../testing-support/world.ts";

const { EXCLUSIVE, UPGRADABLE } = LockMode;

/** A hold that has had three tokens, oldest first. */
function renewedTwice(): { world: World; ann: Client; all: Held[] } {
  const world = new World();
  const ann = open(world);
  const all = [ann.lock("a", { mode: UPGRADABLE })];
  for (let i = 0; i < 2; i++) {
    const newest = all.at(-1) as Held;
    const strong = convert(ann, newest, "a", EXCLUSIVE);
    if (strong.case !== "granted") throw new Error("the Convert was not granted");
    all.push(strong.value);
    convert(ann, strong.value, "a", UPGRADABLE);
  }
  return { world, ann, all };
}

describe("Release of a hold that has had several tokens", () => {
  it.each([0, 1, 2])("ends it by any of them [LOCK-71]", (which) => {
    const { world, ann, all } = renewedTwice();
    expect(ann.release(all[which] as Held).outcome).toBe(ReleaseOutcome.RELEASED);
    expect(world.state.keys.size).toBe(0);
    for (const held of all) expect(ann.release(held).outcome).toBe(ReleaseOutcome.ALREADY_RELEASED);
  });

  it("tells by any of them that it was lost, which confirms the loss [LOCK-68, LOCK-71]", () => {
    for (const which of [0, 1, 2]) {
      const { world, ann, all } = renewedTwice();
      forceRelease(world, "a", all[2]?.token ?? 0n);
      expect(ann.release(all[which] as Held)).toMatchObject({
        outcome: ReleaseOutcome.LOST,
        lostReason: LossReason.FORCE_RELEASED,
      });
      expect(world.state.delays.size).toBe(0);
    }
  });

  it("knows no token that it never had, and ends nothing by it [LOCK-69]", () => {
    const { world, ann, all } = renewedTwice();
    const [first, , last] = all as [Held, Held, Held];
    for (const token of [first.token - 1n, last.token - 1n, last.token + 1n])
      expect(ann.release({ holdId: first.holdId, token }).outcome).toBe(ReleaseOutcome.NOT_HOLDER);
    expect(world.state.holds.size).toBe(1);
    expect(ann.get().holds).toMatchObject([
      { token: last.token, earlierTokens: all.slice(0, 2).map(({ token }) => token) },
    ]);
  });
});
