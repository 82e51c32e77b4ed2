import { columns, whole } from "../columns.ts";
import { goalTable } from "../goal.ts";
import { seriesTable } from "../growth/table.ts";
import { machineLine } from "../machine.ts";
import type { ReplicationReport } from "./replication.ts";
import { FIGURES, type FigureName, type Line, PARTS, type Part } from "./trial.ts";

/** The result as tables for people. */
export function replicationTable(report: ReplicationReport): string {
  const { machine, startedAt, rounds, largeRounds, durationMs, changes } = report;
  const { versions, missing, lines, series, goals, failures } = report;
  const head = [
    machineLine(machine),
    `${startedAt}, median of ${rounds} rounds of ${durationMs} ms; of ${largeRounds} of what is large, ${whole(changes)} changes`,
    ...Object.values(versions),
    ...Object.entries(missing).map(([name, why]) => `not measured: ${name}: ${why}`),
  ];
  const parts = (Object.keys(PARTS) as Part[])
    .map((part) => lines.filter((line) => line.part === part))
    .filter((of) => of.length > 0)
    .map(partTable);
  const sections = [head.join("\n"), ...parts, ...series.map(seriesTable), goalTable(goals)];
  if (failures.length > 0) {
    const each = failures.map(({ name, during, error }) => `${during}: ${name}: ${error}`);
    sections.push(["FAILED", ...each].join("\n"));
  }
  return sections.join("\n\n");
}

function partTable(lines: readonly Line[]): string {
  const names = (Object.keys(FIGURES) as FigureName[]).filter((name) =>
    lines.some(({ figures }) => figures[name] !== undefined),
  );
  const title = lines[0] === undefined ? "" : PARTS[lines[0].part].title;
  const rows = lines.map(({ system, of, figures }) => [
    `${system}, ${of}`,
    ...names.map((name) => text(figures[name])),
  ]);
  return columns([title, ...names.map((name) => FIGURES[name])], rows);
}

function text(value: number | undefined): string {
  if (value === undefined) return "";
  return Math.abs(value) < 100 && !Number.isInteger(value) ? value.toFixed(3) : whole(value);
}
