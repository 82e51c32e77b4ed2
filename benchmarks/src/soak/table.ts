import { whole } from "../columns.ts";
import { goalTable } from "../goal.ts";
import { machineLine } from "../machine.ts";
import type { Sample, SoakReport } from "./soak.ts";

const HEADINGS = ["s", "cycles/s", "p50 ms", "p99 ms", "used MiB", "RSS MiB", "disk MiB"];
const WIDTH = 10;

/** The headings of the lines, which are printed while the run goes on. */
export const sampleHeadings = lineOf([...HEADINGS, "snapshots", "dropped"]);

/** One sample as a line. */
export function sampleLine(sample: Sample): string {
  const mebibytes = (bytes: number) => (bytes / 2 ** 20).toFixed(1);
  return lineOf([
    sample.atS.toFixed(0),
    whole(sample.perSecond),
    sample.p50Ms.toFixed(2),
    sample.p99Ms.toFixed(2),
    mebibytes(sample.usedBytes),
    mebibytes(sample.residentBytes),
    mebibytes(sample.diskBytes),
    whole(sample.snapshots),
    whole(sample.compactions),
  ]);
}

/** What follows the lines. */
export function soakSummary({ machine, startedAt, callers, failure, goals }: SoakReport): string {
  const head = [machineLine(machine), `${startedAt}, ${whole(callers)} callers, a lock each`];
  if (failure !== undefined) head.push(`FAILED: ${failure}`);
  return `\n${head.join("\n")}\n\n${goalTable(goals)}`;
}

function lineOf(cells: readonly string[]): string {
  return cells.map((cell) => cell.padStart(WIDTH)).join("");
}
