import type { IdRange } from "@lockstep/protocol";

type Range = Pick<IdRange, "first" | "last">;

/** Shared by all sets that are empty, and never added to. */
const NONE: Range[] = Object.freeze([]) as unknown as Range[];

/**
 * A set of request ids, kept as ranges that do not touch. Clients number their requests one by one and
 * confirm nearly in order, so it is mostly a single range.
 */
export class IdRanges {
  /** By rising id; a gap lies between any two. */
  #ranges: Range[] = NONE;

  /** How many ranges it takes. */
  get size(): number {
    return this.#ranges.length;
  }

  /** Its ranges, by rising id. */
  toRanges(): IdRange[] {
    return this.#ranges.map(({ first, last }) => ({
      $typeName: "lockstep.v1.IdRange",
      first,
      last,
    }));
  }

  /** Takes all ids out. */
  clear(): void {
    this.#ranges = NONE;
  }

  /** Whether an id is in the set. */
  has(id: bigint): boolean {
    const range = this.#ranges[this.#firstEndingFrom(id)];
    return range !== undefined && range.first <= id;
  }

  /** Whether a range overlaps or touches one that is in the set, so that adding it takes no further one. */
  joins({ first, last }: Range): boolean {
    const range = this.#ranges[this.#firstEndingFrom(first - 1n)];
    return range !== undefined && range.first <= last + 1n;
  }

  /** Adds all ids of a range. Returns those of them that are new, as ranges by rising id. */
  add(range: Range): readonly Range[] {
    const newest = this.#ranges[this.#ranges.length - 1];
    if (newest === undefined) {
      this.#ranges = [{ first: range.first, last: range.last }];
      return [range];
    }
    if (newest.first <= range.first) {
      if (range.last <= newest.last) return NONE;
      if (range.first === newest.last + 1n) {
        newest.last = range.last;
        return [range];
      }
    }
    return this.#merge(range);
  }

  #merge({ first, last }: Range): readonly Range[] {
    const ranges = this.#ranges;
    const from = this.#firstEndingFrom(first - 1n);
    const covering = ranges[from];
    if (covering !== undefined && covering.first <= first && last <= covering.last) return NONE;
    const added: Range[] = [];
    let next = first;
    let to = from;
    const merged = { first, last };
    while (to < ranges.length) {
      const range = ranges[to] as Range;
      if (range.first > last + 1n) break;
      if (range.first < merged.first) merged.first = range.first;
      if (range.last > merged.last) merged.last = range.last;
      if (range.first > next) added.push({ first: next, last: range.first - 1n });
      if (range.last >= next) next = range.last + 1n;
      to += 1;
    }
    // An array that is written like this has room for what is in it and no more.
    if (to - from === ranges.length) this.#ranges = [merged];
    else ranges.splice(from, to - from, merged);
    if (next <= last) added.push({ first: next, last });
    return added;
  }

  /** The place of the first range that ends at or above an id. */
  #firstEndingFrom(id: bigint): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#ranges[middle] as Range).last < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
