import type { LocksReport } from "../locks/compare.ts";
import { type Box, bar, svg, text } from "./svg.ts";
import type { Theme } from "./themes.ts";

type Line = LocksReport["lines"][number];

/** Who stands in the chart, by the name in the report, and what they are called there. */
const ROWS: readonly (readonly [string, string])[] = [
  ["Lockstep, Attach", "Lockstep"],
  ["Redis, redlock", "Redis, redlock"],
  ["Redis, SET NX PX and compare-and-delete", "Redis, two commands"],
  ["etcd, concurrency.Mutex of Go", "etcd, Mutex of Go"],
  ["etcd, raw transactions", "etcd, two transactions"],
  ["etcd, etcd3 lock", "etcd, etcd3 lock"],
  ["PostgreSQL, advisory lock, not durable", "PostgreSQL, not durable"],
];

/** One column: which lines it shows, and what of them. */
interface Column {
  readonly title: string;
  readonly subtitle: string;
  readonly isOf: (line: Line) => boolean;
  readonly figure: (line: Line) => number | null | undefined;
  readonly digits: number;
}

const MARGIN = 8;
const LABEL_WIDTH = 172;
const COLUMN_WIDTH = 172;
const VALUE_WIDTH = 70;
const HEADING_HEIGHT = 48;
const ROW_HEIGHT = 24;
const BAR_HEIGHT = 14;
const FOOT_HEIGHT = 30;
const BAR_WIDTH_MAX = COLUMN_WIDTH - VALUE_WIDTH;
const BAR_WIDTH_MIN = 1;

/** The comparison as an SVG picture: a row for each contestant, a column for each figure, a scale for each column. */
export function chart(report: LocksReport, theme: Theme): string {
  const columns = columnsOf(report.lines);
  const rows = ROWS.filter(([name]) => report.lines.some((line) => line.name === name));
  const width = 2 * MARGIN + LABEL_WIDTH + columns.length * COLUMN_WIDTH;
  const height = HEADING_HEIGHT + rows.length * ROW_HEIGHT + FOOT_HEIGHT;
  const labels = rows.map(([name, label], row) =>
    text(label, { x: MARGIN, y: textY(row), fill: theme.text, bold: isOurs(name) }),
  );
  const body = columns.map((column, place) =>
    columnOf(report.lines, column, rows, MARGIN + LABEL_WIDTH + place * COLUMN_WIDTH, theme),
  );
  const { machine, rounds, durationMs } = report;
  const seconds = durationMs / 1_000;
  const foot = `${machine.processors}, clients included; median of ${rounds} rounds of ${seconds} s; every reply after a sync to disk, but for PostgreSQL`;
  const note = text(foot, { x: MARGIN, y: height - MARGIN, fill: theme.muted, small: true });
  const title =
    "Cycles of acquire and release: Lockstep, Redis, etcd and PostgreSQL on one machine";
  return svg({ width, height, title }, [...labels, ...body.flat(), note]);
}

function columnsOf(lines: readonly Line[]): Column[] {
  const contending = lines.find(({ contended }) => contended)?.callers;
  const own = (callers: number) => (line: Line) => !line.contended && line.callers === callers;
  const perSecond = { figure: (line: Line) => line.perSecond, digits: 0 };
  return [
    {
      title: "1 caller",
      subtitle: "p50 in ms, less is better",
      isOf: own(1),
      figure: ({ p50Ms }) => p50Ms,
      digits: 2,
    },
    { title: "64 callers", subtitle: "cycles per second", isOf: own(64), ...perSecond },
    { title: "1,024 callers", subtitle: "cycles per second", isOf: own(1_024), ...perSecond },
    {
      title: `${contending ?? "Many"} want one lock`,
      subtitle: "hand-overs per second",
      isOf: ({ contended }) => contended,
      figure: ({ contention }) => contention?.handOversPerSecond,
      digits: 0,
    },
  ];
}

function columnOf(
  lines: readonly Line[],
  column: Column,
  rows: typeof ROWS,
  x: number,
  theme: Theme,
): string[] {
  const figures = rows.map(([name]) => {
    const line = lines.find((each) => each.name === name && column.isOf(each));
    return line === undefined ? undefined : column.figure(line);
  });
  const most = Math.max(...figures.map((figure) => figure ?? 0));
  const cells = figures.flatMap((figure, row) => {
    const y = textY(row);
    if (figure === undefined || figure === null) {
      return [text("–", { x, y, fill: theme.muted })];
    }
    const [name = ""] = rows[row] ?? [];
    const width = Math.max(BAR_WIDTH_MIN, (figure / most) * BAR_WIDTH_MAX);
    const box: Box = { x, y: rowY(row) + (ROW_HEIGHT - BAR_HEIGHT) / 2, width, height: BAR_HEIGHT };
    const value = figure.toLocaleString("en", {
      minimumFractionDigits: column.digits,
      maximumFractionDigits: column.digits,
    });
    const fill = isOurs(name) ? theme.accent : theme.bar;
    const at = { x: x + width + 5, y, fill: theme.text, bold: isOurs(name) };
    return [bar(box, fill), text(value, at)];
  });
  const heading = text(column.title, { x, y: 17, fill: theme.text, bold: true });
  return [heading, text(column.subtitle, { x, y: 34, fill: theme.muted, small: true }), ...cells];
}

function isOurs(name: string): boolean {
  return name.startsWith("Lockstep");
}

function rowY(row: number): number {
  return HEADING_HEIGHT + row * ROW_HEIGHT;
}

function textY(row: number): number {
  return rowY(row) + ROW_HEIGHT / 2 + 4.5;
}
