import type { Clock } from "@lockstep/client";
import { afterEach, expect, test, vi } from "vitest";
import { progressReporter, progressText } from "./progress.ts";

afterEach(() => vi.restoreAllMocks());

test.each([
  [{ done: 1_000, total: 4_000 }, "1,000 of 4,000 rows, 500/s, 6s left"],
  [{ done: 1_000, total: 1_000_000 }, "1,000 of 1,000,000 rows, 500/s, 33m 18s left"],
  [{ done: 1_000, total: 10_000_000 }, "1,000 of 10,000,000 rows, 500/s, 5h 33m left"],
  [{ done: 1_000, total: 4_000, from: 900 }, "1,000 of 4,000 rows, 50/s, 1m 0s left"],
  [{ done: 0, total: 4_000 }, "0 of 4,000 rows, 0/s"],
  [{ done: 1_234_567, total: undefined }, "1,234,567 rows, 617,284/s"],
])("%j after two seconds is told as %s", (progressed, text) => {
  expect(progressText(progressed, "rows", 2_000)).toBe(text);
});

test("progress is told once a second, and nothing of what is over by then", () => {
  let nowMs = 0;
  const clock = { monotonicMs: () => nowMs } as Clock;
  const told: unknown[] = [];
  vi.spyOn(process.stderr, "write").mockImplementation((text) => {
    told.push(text);
    return true;
  });
  const report = progressReporter("copy", "rows", clock);
  for (const [atMs, done] of [
    [0, 0],
    [999, 10],
    [1_000, 11],
    [1_500, 20],
    [2_000, 40],
    [9_000, 100],
  ] as const) {
    nowMs = atMs;
    report({ done, total: 100 });
  }
  expect(told).toEqual([
    "lockstep: copy: 11 of 100 rows, 11/s, 9s left\n",
    "lockstep: copy: 40 of 100 rows, 20/s, 3s left\n",
  ]);
});
