import type { LockMode } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { covers, type LockModeName, modeNameOf, modeOf } from "./modes.ts";

const MODES: readonly LockModeName[] = ["EXCLUSIVE", "UPGRADABLE", "SHARED", "PERMITS"];

test("a mode covers itself and what may be done under a weaker one", () => {
  const covered = MODES.map((held) => MODES.filter((wanted) => covers(held, wanted)));
  expect(covered).toEqual([
    ["EXCLUSIVE", "UPGRADABLE", "SHARED"],
    ["UPGRADABLE", "SHARED"],
    ["SHARED"],
    ["PERMITS"],
  ]);
});

test("every mode has the protocol's number, and an unknown number no name", () => {
  for (const mode of MODES) expect(modeNameOf(modeOf(mode))).toBe(mode);
  expect(modeNameOf(99 as LockMode)).toBeUndefined();
  expect(() => modeOf("toString" as never)).toThrow(TypeError);
});
