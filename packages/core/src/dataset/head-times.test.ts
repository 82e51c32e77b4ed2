import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { HeadTimes } from "./head-times.ts";

const RUNS = 300;

/** A history of heads: how much time passes before each, and how many changes it brings. */
const histories = fc.array(fc.tuple(fc.nat(50), fc.integer({ min: 1, max: 5 })), {
  minLength: 1,
  maxLength: 400,
  size: "max",
});

/** The history as it was: the head from each moment on. */
function played(history: readonly (readonly [number, number])[]) {
  const times = new HeadTimes();
  const truth: { atMs: number; seq: bigint }[] = [];
  let [atMs, seq] = [0, 0n];
  for (const [passMs, changes] of history) {
    atMs += passMs;
    seq += BigInt(changes);
    times.add(atMs, seq);
    truth.push({ atMs, seq });
  }
  return { times, truth, nowMs: atMs };
}

describe("The times of heads", () => {
  it("never tell a head that is lower than it was [REP-20]", () => {
    fc.assert(
      fc.property(histories, fc.nat(20_000), (history, asked) => {
        const { times, truth, nowMs } = played(history);
        const atMs = asked % (nowMs + 2);
        const then = truth.findLast((one) => one.atMs <= atMs)?.seq ?? 0n;
        expect(times.headAt(atMs)).toBeGreaterThanOrEqual(then);
        expect(times.headAt(nowMs)).toBe(truth.at(-1)?.seq);
      }),
      { numRuns: RUNS },
    );
  });

  it("never tell that a seq was passed later than it was, nor that it was not [REP-23]", () => {
    fc.assert(
      fc.property(histories, fc.nat(2_000), (history, asked) => {
        const { times, truth } = played(history);
        const head = truth.at(-1)?.seq ?? 0n;
        const seq = BigInt(asked) % (head + 1n);
        const passed = truth.find((one) => one.seq > seq)?.atMs;
        const told = times.passedAtMs(seq);
        expect(told === undefined).toBe(passed === undefined);
        if (told !== undefined) expect(told).toBeLessThanOrEqual(passed as number);
      }),
      { numRuns: RUNS },
    );
  });

  it("begin an epoch with the head that was found, since when ever [REP-12]", () => {
    const times = new HeadTimes();
    times.start(500, 7n);
    times.add(600, 8n);
    expect([0, 499, 500, 599, 600].map((atMs) => times.headAt(atMs))).toEqual([7n, 7n, 7n, 7n, 8n]);
    expect([6n, 7n, 8n].map((seq) => times.passedAtMs(seq))).toEqual([500, 600, undefined]);
  });

  it("stay near the truth, however long a log is written to", () => {
    const times = new HeadTimes();
    for (let atMs = 0; atMs < 100_000; atMs++) times.add(atMs, BigInt(atMs + 1));
    for (const agoMs of [1, 10, 100, 1_000, 10_000]) {
      const atMs = 99_999 - agoMs;
      const tooHigh = Number(times.headAt(atMs)) - (atMs + 1);
      expect(tooHigh).toBeLessThanOrEqual(agoMs / 3);
    }
  });
});
