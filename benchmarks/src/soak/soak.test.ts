import { expect, it } from "vitest";
import { type Sample, type Slice, soak } from "./soak.ts";
import { sampleLine, soakSummary } from "./table.ts";
import { verdictOf } from "./verdict.ts";

it("keeps a server under load and sees its upkeep, in its short form", async () => {
  const lines: string[] = [];
  const report = await soak({
    durationMs: 3_000,
    sampleMs: 200,
    sliceMs: 50,
    callers: 32,
    serverFlags: ["--snapshot-events", "200", "--history-events", "200"],
    onSample: (sample) => lines.push(sampleLine(sample)),
  });
  expect(report.failure).toBeUndefined();
  expect(lines).toHaveLength(report.samples.length);
  const last = report.samples.at(-1);
  expect(last?.snapshots).toBeGreaterThan(0);
  expect(last?.compactions).toBeGreaterThan(0);
  expect(last?.diskBytes).toBeGreaterThan(0);
  for (const { perSecond } of report.samples) expect(perSecond).toBeGreaterThanOrEqual(0);
  expect(soakSummary(report)).toContain("32 callers");
});

const flat: Sample = {
  ...{ atS: 1, perSecond: 1, p50Ms: 1, p99Ms: 2, snapshots: 1, compactions: 1 },
  ...{ usedBytes: 100, residentBytes: 100, diskBytes: 100 },
};

function met(samples: readonly Sample[], slices: readonly Slice[] = []) {
  return verdictOf(samples, slices).map((goal) => goal.met);
}

it("judges growth by the second half of a run alone", () => {
  const filling = Array.from({ length: 16 }, (_, at) => ({
    ...flat,
    diskBytes: Math.min(100, 1 + 20 * at),
  }));
  const growing = filling.map((each, at) => ({ ...each, diskBytes: 100 + 5 * at }));
  expect(met(filling)).toEqual([true, true, true, true, null]);
  expect(met(growing)).toEqual([true, true, false, true, null]);
  expect(met(filling.slice(0, 2))).toEqual([null, null, null, null, null]);
});

it("compares the time with upkeep with the time without", () => {
  const slice = (upkeep: boolean, p99Ms: number): Slice => ({ tookMs: [], p99Ms, upkeep });
  expect(met([], [slice(false, 2), slice(true, 2)]).at(-1)).toBe(true);
  expect(met([], [slice(false, 2), slice(true, 9)]).at(-1)).toBe(false);
  expect(met([], [slice(true, 9)]).at(-1)).toBeNull();
});
