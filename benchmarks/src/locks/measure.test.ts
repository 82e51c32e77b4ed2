import { describe, expect, it } from "vitest";
import { measure, measureContended, medianRound } from "./measure.ts";

describe("measuring", () => {
  it("counts the cycles of all callers", async () => {
    const seen = new Set<number>();
    const round = await measure(3, 1, async (caller) => void seen.add(caller));
    expect([...seen].sort()).toEqual([0, 1, 2]);
    expect(round.cycles).toBeGreaterThanOrEqual(3);
  });

  it("fails with the first failure, and lets nobody go on", async () => {
    // It would go on for ever: that it ends at all is because one of two has failed.
    const round = measure(2, Number.MAX_SAFE_INTEGER, async (caller) => {
      await new Promise((resolve) => process.nextTick(resolve));
      if (caller === 1) throw new Error("lease lost");
    });
    await expect(round).rejects.toThrow("lease lost");
  });

  it("tells what the callers of one lock saw of one another", async () => {
    const granted: number[] = [];
    const round = await measureContended(2, 1, async (caller) => {
      granted.push(caller);
      return async () => undefined;
    });
    expect(granted.length).toBe(round.cycles);
    expect(round.contention?.handOversPerSecond).toBeGreaterThan(0);
  });
});

describe("the middle of several rounds", () => {
  const round = (n: number) => ({ perSecond: n, p50Ms: 10 - n, p99Ms: 20 - n, cycles: 1 });

  it("is taken of every figure", () => {
    expect(medianRound([1, 9, 2].map(round))).toEqual({
      perSecond: 2,
      p50Ms: 8,
      p99Ms: 18,
      cycles: 3,
    });
  });

  it("leaves out hand-overs of rounds that had none", () => {
    const contention = (n: number | null) => ({
      handOversPerSecond: n ?? 0,
      handOverP50Ms: n,
      handOverP99Ms: n,
      overtakingPercent: 0,
    });
    const rounds = [4, null].map((n) => ({ ...round(1), contention: contention(n) }));
    expect(medianRound(rounds).contention).toEqual({
      handOversPerSecond: 2,
      handOverP50Ms: 4,
      handOverP99Ms: 4,
      overtakingPercent: 0,
    });
  });
});
