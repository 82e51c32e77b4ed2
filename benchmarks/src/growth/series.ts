/** What a figure may do while something grows. */
export type Bound = "flat" | "log n" | "n log n";

/** A figure at one size. */
export interface Point {
  /** How much there is of what grows. */
  readonly size: number;
  readonly value: number;
}

/** A figure at rising sizes, and how it grows. */
export interface Series {
  readonly name: string;
  /** What grows, such as `held locks`. */
  readonly grows: string;
  /** What was measured: the core alone, or a whole server in a process of its own. */
  readonly of: "core" | "server";
  /** Of the values, such as `µs`. */
  readonly unit: string;
  readonly bound: Bound;
  readonly points: readonly Point[];
  /** The power of the size that fits the values best; null of less than two points. */
  readonly exponent: number | null;
  /** The highest value, as a multiple of the lowest. */
  readonly spread: number;
  /** Whether it grows no faster than its bound; null of less than two points. */
  readonly met: boolean | null;
}

// Of something that is to be flat: the highest value as a multiple of the lowest.
const FLAT_SPREAD_MAX = 1.2;

/**
 * Judges how a figure grows. What is to be flat may differ by a fifth; anything else may have no higher power than its
 * bound has at the same sizes.
 */
export function seriesOf(
  about: Pick<Series, "name" | "grows" | "of" | "unit" | "bound">,
  points: readonly Point[],
): Series {
  const values = points.map(({ value }) => value);
  const spread = Math.max(...values) / Math.min(...values);
  const exponent = exponentOf(points);
  const most = exponentOf(points.map(({ size }) => ({ size, value: boundAt(about.bound, size) })));
  const isFlat = spread <= FLAT_SPREAD_MAX;
  const slow = about.bound === "flat" ? isFlat : exponent !== null && exponent <= Number(most);
  return { ...about, points, exponent, spread, met: exponent === null ? null : slow };
}

function boundAt(bound: Bound, size: number): number {
  const log = Math.log2(Math.max(2, size));
  return { flat: 1, "log n": log, "n log n": size * log }[bound];
}

/** The slope of the straight line that fits the logarithms with the least squares. */
function exponentOf(points: readonly Point[]): number | null {
  const logs = points.map(({ size, value }) => [Math.log(size), Math.log(value)] as const);
  const mean = (at: 0 | 1) => logs.reduce((sum, log) => sum + log[at], 0) / logs.length;
  const [meanSize, meanValue] = [mean(0), mean(1)];
  const both = logs.reduce(
    (sum, [size, value]) => sum + (size - meanSize) * (value - meanValue),
    0,
  );
  const squares = logs.reduce((sum, [size]) => sum + (size - meanSize) ** 2, 0);
  return squares === 0 ? null : both / squares;
}
