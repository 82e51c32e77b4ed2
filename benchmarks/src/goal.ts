import { columns } from "./columns.ts";

/** What a run has to show, or is to show. */
export interface Goal {
  /** A gate has to be passed; an aim that is missed is explained where the results are published. */
  readonly kind: "gate" | "aim";
  readonly name: string;
  /** What this run gave, or null when it did not measure that. */
  readonly figure: number | boolean | null;
  /** What is wanted of it, such as `at least 10 ×`. */
  readonly wanted: string;
  /** Whether the figure is as wanted, or null when there is none. */
  readonly met: boolean | null;
}

/** A goal for a figure that must not be above a bound. */
export function atMost(
  kind: Goal["kind"],
  name: string,
  figure: number | undefined,
  bound: number,
): Goal {
  const met = figure === undefined ? null : figure <= bound;
  return {
    kind,
    name,
    figure: figure ?? null,
    wanted: `at most ${bound.toLocaleString("en")}`,
    met,
  };
}

/** Goals as a table for people. */
export function goalTable(all: readonly Goal[]): string {
  const rows = all.map(({ kind, name, figure, wanted, met }) => [
    `${kind}: ${name}`,
    typeof figure === "number" ? figure.toFixed(2) : figure === null ? "" : yesNo(figure),
    wanted,
    met === null ? "not measured" : yesNo(met),
  ]);
  return columns(["gates and aims", "figure", "wanted", "met"], rows);
}

function yesNo(it: boolean): string {
  return it ? "yes" : "NO";
}
