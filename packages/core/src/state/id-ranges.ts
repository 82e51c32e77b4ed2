import type { IdRange } from "@lockstep/protocol";

/**
 * A set of request ids, kept as ranges that do not touch. Clients number their requests one by one and
 * confirm nearly in order, so it is mostly a single range.
 */
export class IdRanges {
  /** By rising id; a gap lies between any two. */
  readonly #ranges: { first: bigint; last: bigint }[] = [];

  /** How many ranges it takes. */
  get size(): number {
    return this.#ranges.length;
  }

  /** Whether an id is in the set. */
  has(id: bigint): boolean {
    for (const range of this.#ranges) {
      if (id < range.first) return false;
      if (id <= range.last) return true;
    }
    return false;
  }

  /** Adds all ids of a range. True when any of them was new. */
  add({ first, last }: Pick<IdRange, "first" | "last">): boolean {
    const ranges = this.#ranges;
    let from = 0;
    while (from < ranges.length && (ranges[from]?.last ?? 0n) + 1n < first) from += 1;
    const covering = ranges[from];
    if (covering !== undefined && covering.first <= first && last <= covering.last) return false;
    let to = from;
    const merged = { first, last };
    while (to < ranges.length) {
      const range = ranges[to] as { first: bigint; last: bigint };
      if (range.first > last + 1n) break;
      if (range.first < merged.first) merged.first = range.first;
      if (range.last > merged.last) merged.last = range.last;
      to += 1;
    }
    ranges.splice(from, to - from, merged);
    return true;
  }
}
