import { LockMode, ReleaseOutcome } from "@lockstep/protocol";
import { expect, it } from "vitest";
import { open } from "../testing-support/client.ts";
import { convert } from "../testing-support/holding.ts";
import { World } from "../testing-support/world.ts";

const { EXCLUSIVE, UPGRADABLE } = LockMode;

it("A hold is released by any of the last sixteen tokens it had, and by no older one [LOCK-71]", () => {
  const world = new World();
  const ann = open(world);
  const keys = Array.from({ length: 18 }, (_, at) => `k${at}`);
  let held = ann.lock(keys.map((key) => ({ key, mode: UPGRADABLE })));
  const tokens = [held.token];
  for (const key of keys) {
    const converted = convert(ann, held, key, EXCLUSIVE);
    if (converted.case !== "granted") throw new Error("not converted");
    held = { holdId: held.holdId, token: converted.value.token };
    tokens.push(held.token);
  }
  const releaseBy = (at: number) =>
    ann.release({ holdId: held.holdId, token: tokens.at(at) as bigint }).outcome;
  expect(releaseBy(-18)).toBe(ReleaseOutcome.NOT_HOLDER);
  expect(releaseBy(-17)).toBe(ReleaseOutcome.RELEASED);
  expect(releaseBy(-1)).toBe(ReleaseOutcome.ALREADY_RELEASED);
});
