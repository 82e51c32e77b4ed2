import { columns, whole } from "../columns.ts";
import { goalTable } from "../goal.ts";
import { machineLine } from "../machine.ts";
import type { GrowthReport } from "./growth.ts";
import type { Series } from "./series.ts";

/** The result as tables for people. */
export function growthTable({ machine, startedAt, series, goals }: GrowthReport): string {
  const head = `${machineLine(machine)}\n${startedAt}`;
  return [head, ...series.map(seriesTable), goalTable(goals)].join("\n\n");
}

/** A figure at rising sizes, as a table for people. */
export function seriesTable({ name, grows, of, unit, points, exponent, spread }: Series): string {
  const rows = points.map(({ size, value }, place) => {
    const before = points[place - 1];
    return [
      `  ${whole(size)} ${grows}`,
      value.toFixed(value < 100 ? 2 : 0),
      before === undefined ? "" : perDecade(before.size, before.value, size, value).toFixed(2),
    ];
  });
  const power = exponent === null ? "" : `; grows with the power ${exponent.toFixed(2)}`;
  const summary = `  highest is ${spread.toFixed(2)} × lowest${power}`;
  return `${columns([`${of}: ${name}`, unit, "× per decade"], rows)}\n${summary}`;
}

/** How much a value grows while the size grows tenfold, as it does between two sizes. */
function perDecade(size: number, value: number, largerSize: number, largerValue: number): number {
  return (largerValue / value) ** (1 / Math.log10(largerSize / size));
}
