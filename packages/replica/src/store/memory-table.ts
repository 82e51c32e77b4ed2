import { type Bucket, type StoredRow, textOf } from "../rows.ts";

const NONE: ReadonlySet<string> = new Set();

/** Rows by key, and by bucket, in memory. */
export class MemoryTable {
  readonly #rows = new Map<string, StoredRow>();
  readonly #byBucket = new Map<number, Set<string>>();
  readonly buckets = new Map<number, Bucket>();
  #sorted: string[] | undefined;

  get(key: string): StoredRow | undefined {
    return this.#rows.get(key);
  }

  /** Puts the row there, or takes it away. */
  set(key: string, row: StoredRow | undefined): void {
    const before = this.#rows.get(key);
    if (before) this.#byBucket.get(before.bucket)?.delete(key);
    if ((before === undefined) !== (row === undefined)) this.#sorted = undefined;
    if (!row) {
      this.#rows.delete(key);
      return;
    }
    this.#rows.set(key, row);
    const keys = this.#byBucket.get(row.bucket) ?? new Set();
    this.#byBucket.set(row.bucket, keys.add(key));
  }

  /** All keys in byte order. */
  keys(): readonly string[] {
    this.#sorted ??= [...this.#rows.keys()].sort(byUnit);
    return this.#sorted;
  }

  rowsOfBuckets(first: number, end: number): StoredRow[] {
    const rows: StoredRow[] = [];
    for (let bucket = first; bucket < end; bucket += 1)
      for (const key of this.#byBucket.get(bucket) ?? NONE)
        rows.push(this.#rows.get(key) as StoredRow);
    return rows;
  }

  scan(prefix: Uint8Array, afterKey: Uint8Array, limit: number): StoredRow[] {
    const keys = this.keys();
    const start = textOf(prefix);
    const after = textOf(afterKey);
    const found: StoredRow[] = [];
    const from = byUnit(start, after) > 0 ? start : after;
    for (let at = firstAtOrAbove(keys, from); at < keys.length; at += 1) {
      const key = keys[at] as string;
      if (afterKey.length > 0 && key <= after) continue;
      if (!key.startsWith(start) || found.length >= limit) break;
      found.push(this.#rows.get(key) as StoredRow);
    }
    return found;
  }
}

/** Characters are bytes here, so that their order is that of the bytes. */
function byUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function firstAtOrAbove(keys: readonly string[], key: string): number {
  let low = 0;
  let high = keys.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((keys[middle] as string) < key) low = middle + 1;
    else high = middle;
  }
  return low;
}
