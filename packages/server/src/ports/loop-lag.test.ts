import { describe, expect, it } from "vitest";
import { LoopLag } from "./loop-lag.ts";

function setup() {
  let nowMs = 1_000;
  let beat = () => {};
  const lag = new LoopLag(
    () => nowMs,
    (_everyMs, fn) => {
      beat = fn;
    },
  );
  return {
    lag,
    pass: (ms: number) => {
      nowMs += ms;
    },
    beat: () => beat(),
  };
}

describe("loop lag", () => {
  it("counts nothing while the beat is punctual", () => {
    const { lag, pass, beat } = setup();
    for (let i = 0; i < 100; i++) {
      pass(103);
      beat();
    }
    expect(lag.read()).toEqual({ totalMs: 0, maxMs: 0 });
  });

  it("counts by how much a beat was late", () => {
    const { lag, pass, beat } = setup();
    pass(100 + 700);
    beat();
    expect(lag.read()).toEqual({ totalMs: 700, maxMs: 700 });
  });

  it("finds a stall before the beat does, and counts it once", () => {
    const { lag, pass, beat } = setup();
    pass(100 + 5_000);
    expect(lag.read().totalMs).toBe(5_000);
    beat();
    pass(100 + 50);
    beat();
    expect(lag.read()).toEqual({ totalMs: 5_050, maxMs: 5_000 });
  });
});
