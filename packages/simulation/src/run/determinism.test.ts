import { expect, test } from "vitest";
import { drawPlan } from "../plan/draw-plan.ts";
import { simulate } from "./simulate.ts";

const SEEDS = 40;

test("every seed gives the same trace when it is run twice", async () => {
  const first: number[] = [];
  const second: number[] = [];
  for (let seed = 1; seed <= SEEDS; seed++) first.push((await simulate(drawPlan(seed))).traceHash);
  for (let seed = 1; seed <= SEEDS; seed++) second.push((await simulate(drawPlan(seed))).traceHash);
  expect(second).toEqual(first);
  expect(new Set(first).size).toBe(SEEDS);
}, 300_000);

test("a plan gives the same trace after it was written down and read again", async () => {
  const plan = drawPlan(7);
  const copy = JSON.parse(JSON.stringify(plan));
  expect((await simulate(copy)).traceHash).toBe((await simulate(plan)).traceHash);
});
