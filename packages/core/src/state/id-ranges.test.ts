import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { IdRanges } from "./id-ranges.ts";

const RUNS = 500;
const IDS = 30n;

const range = fc
  .tuple(fc.bigInt(1n, IDS), fc.bigInt(0n, 6n))
  .map(([first, more]) => ({ first, last: first + more }));

/** All ids of ranges, which must not touch. */
function idsOf(ranges: readonly { first: bigint; last: bigint }[]): bigint[] {
  const ids: bigint[] = [];
  let end: bigint | undefined;
  for (const { first, last } of ranges) {
    expect(end === undefined || first > end + 1n).toBe(true);
    for (let id = first; id <= last; id++) ids.push(id);
    end = last;
  }
  return ids;
}

/** How many runs of neighbours a set of ids has. */
function runsOf(ids: Set<bigint>): number {
  return [...ids].filter((id) => !ids.has(id - 1n)).length;
}

describe("IdRanges", () => {
  it("is a set of ids in as few ranges as there can be", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 20 }), (added) => {
        const ranges = new IdRanges();
        const naive = new Set<bigint>();
        for (const one of added) {
          const { first, last } = one;
          let touches = naive.has(first - 1n) || naive.has(last + 1n);
          for (let id = first; id <= last; id++) touches ||= naive.has(id);
          expect(ranges.joins(one)).toBe(touches);
          const fresh: bigint[] = [];
          for (let id = first; id <= last; id++) if (!naive.has(id)) fresh.push(id);
          for (const id of fresh) naive.add(id);
          expect(idsOf(ranges.add(one))).toEqual(fresh);
          expect(ranges.size).toBe(runsOf(naive));
          for (let id = 0n; id <= IDS + 10n; id++) expect(ranges.has(id)).toBe(naive.has(id));
        }
      }),
      { numRuns: RUNS },
    );
  });

  it("holds a range of any length in one piece", () => {
    const ranges = new IdRanges();
    ranges.add({ first: 5n, last: 5n });
    ranges.add({ first: 1n, last: 2n ** 63n - 1n });
    expect(ranges.size).toBe(1);
    expect(ranges.has(2n ** 62n)).toBe(true);
  });
});
