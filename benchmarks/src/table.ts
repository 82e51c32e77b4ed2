import type { LocksReport } from "./locks.ts";

const HEADINGS = ["", "callers", "cycles/s", "p50 ms", "p99 ms", "Lockstep is"];

/** The result as a table for people. */
export function table(report: LocksReport): string {
  const { lines, machine, node, rounds, durationMs, versions, missing } = report;
  const rows = lines.map(({ name, callers, contended, perSecond, p50Ms, p99Ms, lockstepTimes }) => [
    contended ? `${name}, one lock for all` : name,
    String(callers),
    Math.round(perSecond).toLocaleString("en"),
    p50Ms.toFixed(3),
    p99Ms.toFixed(3),
    lockstepTimes === undefined ? "" : `${lockstepTimes.toFixed(2)} ×`,
  ]);
  const widths = HEADINGS.map((heading, column) =>
    Math.max(heading.length, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]) =>
    row
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column === 0 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join("  ");
  const where = `${machine}, Node ${node}, median of ${rounds} rounds of ${durationMs} ms`;
  const notes = [
    ...Object.values(versions),
    ...Object.entries(missing).map(([name, why]) => `not measured: ${name}: ${why}`),
  ];
  return [where, ...notes, "", line(HEADINGS), ...rows.map(line)].join("\n");
}
