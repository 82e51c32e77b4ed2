import { printable } from "./printable.ts";

const GAP = "  ";

/** Rows below a heading, each column as wide as its widest cell. Cells may come from elsewhere. */
export function tableLines(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
): string[] {
  const cells = [heading, ...rows].map((row) => row.map(printable));
  const widths = heading.map((_, column) =>
    cells.reduce((widest, row) => Math.max(widest, lengthOf(row[column])), 0),
  );
  return cells.map((row) =>
    row
      .map((cell, column) => cell + " ".repeat((widths[column] ?? 0) - lengthOf(cell)))
      .join(GAP)
      .trimEnd(),
  );
}

function lengthOf(cell = ""): number {
  return [...cell].length;
}
