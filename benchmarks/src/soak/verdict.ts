import { atMost, type Goal } from "../goal.ts";
import { median } from "../statistics.ts";
import type { Sample, Slice } from "./soak.ts";

// What may come on top from the first to the last quarter of the second half, percent.
const GROWTH_PERCENT_MAX = 10;
const P99_GROWTH_PERCENT_MAX = 25;
// How much slower than others a second may be in which a snapshot was made or history dropped.
const UPKEEP_P99_RATIO_MAX = 1.5;

/**
 * Judges a long run by its second half, when all that fills up once has filled up: its last quarter beside its
 * first. And by its seconds: those with upkeep beside those without.
 */
export function verdictOf(samples: readonly Sample[], slices: readonly Slice[]): Goal[] {
  const grown = (figure: (sample: Sample) => number) => growthPercent(samples.map(figure));
  const name = (what: string) => `${what}, growth in the second half, percent`;
  const { quiet, busy } = p99WithUpkeep(slices);
  return [
    atMost(
      "gate",
      name("memory in use"),
      grown((each) => each.usedBytes),
      GROWTH_PERCENT_MAX,
    ),
    atMost(
      "gate",
      name("resident memory"),
      grown((each) => each.residentBytes),
      GROWTH_PERCENT_MAX,
    ),
    atMost(
      "gate",
      name("disk"),
      grown((each) => each.diskBytes),
      GROWTH_PERCENT_MAX,
    ),
    atMost(
      "gate",
      name("p99"),
      grown((each) => each.p99Ms),
      P99_GROWTH_PERCENT_MAX,
    ),
    atMost(
      "gate",
      "p99 of seconds with upkeep, to others",
      busy / quiet || undefined,
      UPKEEP_P99_RATIO_MAX,
    ),
  ];
}

/** The middle p99 of all seconds without upkeep, and with it; NaN where there was none. */
function p99WithUpkeep(slices: readonly Slice[]): { quiet: number; busy: number } {
  const p99 = (withUpkeep: boolean) =>
    median(
      slices
        .filter(({ upkeep, p99Ms }) => upkeep === withUpkeep && Number.isFinite(p99Ms))
        .map(({ p99Ms }) => p99Ms),
    );
  return { quiet: p99(false), busy: p99(true) };
}

/** The middle of the last quarter of the second half beside that of its first; undefined of too few values. */
function growthPercent(values: readonly number[]): number | undefined {
  const half = values.slice(values.length >> 1);
  const quarter = half.length >> 2;
  if (quarter === 0) return undefined;
  const before = median(half.slice(0, quarter));
  const after = median(half.slice(-quarter));
  return (after / before - 1) * 100;
}
