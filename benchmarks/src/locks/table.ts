import { columns, whole } from "../columns.ts";
import { goalTable } from "../goal.ts";
import { machineLine } from "../machine.ts";
import type { Line, LocksReport } from "./compare.ts";

/** The result as tables for people. */
export function table(report: LocksReport): string {
  const { lines, machine, rounds, durationMs, startedAt, versions, missing, failures } = report;
  const sections = [
    [
      machineLine(machine),
      `${startedAt}, median of ${rounds} rounds of ${durationMs} ms`,
      ...Object.values(versions),
      ...Object.entries(missing).map(([name, why]) => `not measured: ${name}: ${why}`),
    ].join("\n"),
  ];
  const own = lines.filter(({ contended }) => !contended);
  const one = lines.filter(({ contended }) => contended);
  if (own.length > 0) sections.push(ownLocks(own));
  if (one.length > 0) sections.push(oneLock(one));
  sections.push(goalTable(report.goals));
  if (failures.length > 0) {
    const each = failures.map(({ name, during, error }) => `${during}: ${name}: ${error}`);
    sections.push(["FAILED", ...each].join("\n"));
  }
  return sections.join("\n\n");
}

function ownLocks(lines: readonly Line[]): string {
  const headings = ["a lock for each", "callers", "cycles/s", "p50 ms", "p99 ms", "Lockstep is"];
  const rows = lines.map((line) => [
    line.name,
    whole(line.callers),
    whole(line.perSecond),
    line.p50Ms.toFixed(3),
    line.p99Ms.toFixed(3),
    times(line.lockstepTimes),
  ]);
  return columns(headings, rows);
}

function oneLock(lines: readonly Line[]): string {
  const headings = [
    "one lock for all",
    "callers",
    "grants/s",
    "hand-overs/s",
    "hand-over p50 ms",
    "p99 ms",
    "overtaking %",
    "arrival order",
    "Lockstep is",
  ];
  const rows = lines.map(({ contention, ...line }) => [
    line.name,
    whole(line.callers),
    whole(line.perSecond),
    contention === undefined ? "" : whole(contention.handOversPerSecond),
    contention?.handOverP50Ms?.toFixed(3) ?? "",
    contention?.handOverP99Ms?.toFixed(3) ?? "",
    contention?.overtakingPercent.toFixed(1) ?? "",
    line.arrivalOrderKept === undefined ? "" : line.arrivalOrderKept ? "kept" : "NOT KEPT",
    times(line.lockstepTimes),
  ]);
  return columns(headings, rows);
}

function times(ratio: number | undefined): string {
  return ratio === undefined ? "" : `${ratio.toFixed(2)} ×`;
}
