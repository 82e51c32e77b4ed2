import { expect, it } from "vitest";
import { type Bound, seriesOf } from "./series.ts";

const SIZES = [10, 1_000, 100_000];

function grown(bound: Bound, valueAt: (size: number) => number) {
  const about = { name: "a", grows: "b", of: "core", unit: "µs", bound } as const;
  return seriesOf(
    about,
    SIZES.map((size) => ({ size, value: valueAt(size) })),
  );
}

it("finds the power with which a figure grows", () => {
  expect(grown("n log n", (size) => 3 * size).exponent).toBeCloseTo(1);
  expect(grown("n log n", (size) => 3 * size ** 2).exponent).toBeCloseTo(2);
  expect(grown("flat", () => 7).exponent).toBeCloseTo(0);
});

it("judges a figure by its bound", () => {
  expect(grown("n log n", (size) => (size * Math.log2(size)) ** 0.99).met).toBe(true);
  expect(grown("n log n", (size) => size ** 1.5).met).toBe(false);
  expect(grown("log n", (size) => Math.sqrt(Math.log2(size))).met).toBe(true);
  expect(grown("log n", (size) => size).met).toBe(false);
  expect(grown("flat", (size) => 1 + size / 1_000_000).met).toBe(true);
  expect(grown("flat", (size) => 1 + size / 100_000).met).toBe(false);
});

it("judges nothing by a single size", () => {
  const about = { name: "a", grows: "b", of: "core", unit: "µs", bound: "flat" } as const;
  expect(seriesOf(about, [{ size: 10, value: 1 }])).toMatchObject({ exponent: null, met: null });
});
