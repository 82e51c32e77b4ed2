import type { LocksReport } from "./locks.ts";

const HEADINGS = ["", "callers", "cycles/s", "p50 ms", "p99 ms", "of ping-pong"];

/** The result as a table for people. */
export function table({ lines, machine, node, rounds, durationMs }: LocksReport): string {
  const rows = lines.map(({ name, callers, perSecond, p50Ms, p99Ms, ofPingPong }) => [
    name,
    String(callers),
    Math.round(perSecond).toLocaleString("en"),
    p50Ms.toFixed(3),
    p99Ms.toFixed(3),
    ofPingPong.toFixed(3),
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
  return [where, "", line(HEADINGS), ...rows.map(line)].join("\n");
}
