import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { LocksReport } from "../locks/compare.ts";
import { chart } from "./chart.ts";
import { themes } from "./themes.ts";

const root = join(import.meta.dirname, "../../..");
const results = "benchmarks/results";
const report = JSON.parse(read(`${results}/locks.json`)) as LocksReport;

function read(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

describe("the chart in the README", () => {
  it.each(Object.entries(themes))(
    "in %s colours is drawn from the committed results",
    (name, theme) => {
      const path = `${results}/locks-${name}.svg`;
      // Otherwise: pnpm bench chart.
      expect(read(path)).toBe(chart(report, theme));
      expect(read("README.md")).toContain(path);
    },
  );
});

describe("a chart", () => {
  const { light } = themes;

  it("gives the highest bar of a column all its room, and the others their share", () => {
    const bars = (perSecond: number, theirs: number) => {
      const about = { ...(report.lines[0] as LocksReport["lines"][number]), callers: 64 };
      const lines = [
        { ...about, name: "Lockstep, Attach", contended: false, perSecond },
        { ...about, name: "Redis, redlock", contended: false, perSecond: theirs },
      ];
      const drawn = chart({ ...report, lines }, light).matchAll(/<rect [^>]*width="([\d.]+)"/g);
      return [...drawn].map(([, width]) => Number(width));
    };
    const [ours = 0, theirs = 0] = bars(200, 50);
    expect(ours / theirs).toBeCloseTo(4);
    expect(bars(20, 5)).toEqual([ours, theirs]);
  });

  it("shows a figure that is missing as missing, and nobody who was not measured", () => {
    const lines = report.lines.filter(
      ({ name, callers }) => name !== "Redis, redlock" && callers !== 1,
    );
    const drawn = chart({ ...report, lines }, light);
    expect(drawn).toContain(">–</text>");
    expect(drawn).not.toContain("redlock");
  });

  it("keeps what it is told apart from markup", () => {
    const machine = { ...report.machine, processors: "<2 & more>" };
    expect(chart({ ...report, machine }, light)).toContain("&lt;2 &amp; more&gt;");
  });
});
