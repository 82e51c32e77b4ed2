import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { pathOf, usage } from "../command-line.ts";
import type { LocksReport } from "../locks/compare.ts";
import { chart } from "./chart.ts";
import { themes } from "./themes.ts";

const USAGE = "usage: pnpm bench chart [--from benchmarks/results/locks.json] [--to FOLDER]";
const RESULTS = join(import.meta.dirname, "../../results");

/** `pnpm bench chart`: draws a comparison of locks, in light and in dark colours. */
export async function chartCommand(args: string[]): Promise<boolean> {
  const { from, to } = usage(USAGE, () => {
    const { values } = parseArgs({
      args,
      options: { from: { type: "string" }, to: { type: "string" } },
    });
    return values;
  });
  const file = from === undefined ? join(RESULTS, "locks.json") : pathOf(from);
  const folder = to === undefined ? RESULTS : pathOf(to);
  const report = JSON.parse(readFileSync(file, "utf8")) as LocksReport;
  for (const [name, theme] of Object.entries(themes)) {
    writeFileSync(join(folder, `locks-${name}.svg`), chart(report, theme));
  }
  return true;
}
