import { LockMode, type LockTarget } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { admits, admitsAny, conflicts, count, NOBODY, newTally, type Tally } from "./tally.ts";

const { EXCLUSIVE, SHARED, UPGRADABLE, PERMITS } = LockMode;
const MODES = [EXCLUSIVE, SHARED, UPGRADABLE, PERMITS];

/** All pairs that can be held together, permits apart. */
const TOGETHER = [
  [SHARED, SHARED],
  [SHARED, UPGRADABLE],
  [UPGRADABLE, SHARED],
];

function target(mode: LockMode, permits = mode === PERMITS ? 1 : 0): LockTarget {
  return { $typeName: "lockstep.v1.LockTarget", key: "a", mode, permits };
}

function tally(...targets: LockTarget[]): Tally {
  const all = newTally();
  for (const one of targets) count(all, one, 1);
  return all;
}

describe("Two targets of a key", () => {
  it.each(MODES.flatMap((a) => MODES.map((b) => [a, b] as const)))(
    "of the modes %d and %d conflict as they should, whoever was there first [LOCK-10, LOCK-11, LOCK-12, LOCK-16]",
    (a, b) => {
      if (a === PERMITS && b === PERMITS) return;
      const together = TOGETHER.some(([one, other]) => one === a && other === b);
      expect(conflicts(target(a), target(b), true)).toBe(!together);
      expect(admits(tally(target(a)), NOBODY, target(b), 9)).toBe(together);
      expect(admits(NOBODY, tally(target(a)), target(b), 9)).toBe(together);
    },
  );

  it("of permits conflict only by the sum of all [LOCK-13]", () => {
    const [held, before] = [tally(target(PERMITS, 4)), tally(target(PERMITS, 3))];
    expect(admits(held, before, target(PERMITS, 3), 10)).toBe(true);
    expect(admits(held, before, target(PERMITS, 4), 10)).toBe(false);
    expect(conflicts(target(PERMITS, 4), target(PERMITS, 4), false)).toBe(false);
    expect(conflicts(target(PERMITS, 4), target(PERMITS, 4), true)).toBe(true);
  });
});

describe("Counting", () => {
  it("takes back what it counted", () => {
    const all = tally(...MODES.map((mode) => target(mode)), target(PERMITS, 5));
    expect(all).toEqual({ exclusive: 1, shared: 1, upgradable: 1, permits: 6 });
    for (const mode of MODES) count(all, target(mode), -1);
    count(all, target(PERMITS, 5), -1);
    expect(all).toEqual(NOBODY);
  });
});

describe("A walk along a queue", () => {
  it("goes on for exactly as long as anybody left in it might be granted", () => {
    for (const taken of [[], ...MODES.map((mode) => [mode])]) {
      for (const before of [[], ...MODES.map((mode) => [mode])]) {
        for (const rest of MODES) {
          const [a, b] = [taken, before].map((modes) =>
            tally(...modes.map((mode) => target(mode))),
          );
          const any = admitsAny(a as Tally, b as Tally, tally(target(rest)), 3);
          const mixed =
            tally(...[...taken, ...before].map((mode) => target(mode))).permits > 0 &&
            [...taken, ...before].some((mode) => mode !== PERMITS);
          if (mixed) continue;
          expect([taken, before, rest, any]).toEqual([
            taken,
            before,
            rest,
            admits(a as Tally, b as Tally, target(rest), 3),
          ]);
        }
      }
    }
  });

  it("ends when no permit is left", () => {
    const rest = tally(target(PERMITS));
    expect(admitsAny(tally(target(PERMITS, 2)), tally(target(PERMITS)), rest, 3)).toBe(false);
    expect(admitsAny(tally(target(PERMITS, 2)), NOBODY, rest, 3)).toBe(true);
  });
});
