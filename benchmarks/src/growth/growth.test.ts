import { expect, it } from "vitest";
import { measureGrowth } from "./growth.ts";
import { growthTable } from "./table.ts";

it("measures how costs grow, in its short form", async () => {
  const held = [10, 1_200];
  const queues = [2, 20];
  const chains = [2, 20];
  const events = [2_500, 5_000];
  const progress = () => undefined;
  const sizesOf = { held, queues, chains, events };
  const report = await measureGrowth({ ...sizesOf, rounds: 1, durationMs: 100, progress });
  const sizes = report.series.map(({ points }) => points.map(({ size }) => size));
  expect(sizes).toEqual([chains, queues, held, held, events]);
  for (const { points, met } of report.series) {
    expect(Math.min(...points.map(({ value }) => value))).toBeGreaterThan(0);
    expect(met).not.toBeNull();
  }
  expect(growthTable(report)).toContain("5,000 events after the snapshot");
});
