import { DigestAccumulator } from "@lockstep/protocol";
import type { Holdings } from "../holdings.ts";
import { type Bucket, type StoredRow, sameBytes } from "../rows.ts";

/** How many are looked at in one step. */
export const STEP_BUCKETS = 64;

/** What a look at stored rows has found. */
export interface Scrubbed {
  /** How many rows were read. */
  readonly rows: number;
  /** How many buckets do not have what was written. */
  readonly damaged: number;
}

/**
 * Computes the digest of some buckets anew from the rows that are stored. Where rows are not what was written, their
 * hashes and the digest are set to what the rows really are: from then on the difference shows in the digest, and is
 * located with the server like any other. The rows themselves stay as they are.
 */
export async function scrubBuckets<Tx>(
  holdings: Holdings<Tx>,
  first: number,
  end: number,
): Promise<Scrubbed> {
  const { published } = holdings;
  if (!published) return { rows: 0, damaged: 0 };
  const stored = await holdings.store.rowsOfBuckets(first, end);
  const actual = stored.map((row) => published.hashes.stored(row));
  const wrong = actual.filter((row, at) => !sameEntry(row, stored[at] as StoredRow));
  // A row that says a bucket which is not its key's counts in that of its key, which may be one outside this step.
  const touched = new Set(wrong.map(({ bucket }) => bucket));
  const outside = [...touched].filter((bucket) => bucket < first || bucket >= end);
  for (const bucket of outside)
    for (const row of await holdings.store.rowsOfBuckets(bucket, bucket + 1))
      actual.push(published.hashes.stored(row));
  const damaged = differing(published.digest, sums(actual), [...range(first, end), ...outside]);
  if (wrong.length > 0 || damaged.length > 0) {
    const progress = published.progress;
    await holdings.writePublished(({ table, digest, setProgress }) => {
      for (const row of wrong) table.put(row);
      for (const bucket of damaged) digest.set(bucket);
      setProgress(progress);
    });
  }
  return {
    rows: stored.length,
    damaged: new Set([...damaged.map(({ bucket }) => bucket), ...touched]).size,
  };
}

function* range(first: number, end: number): Iterable<number> {
  for (let bucket = first; bucket < end; bucket += 1) yield bucket;
}

/** What the buckets hold, by their rows. */
function sums(rows: readonly StoredRow[]): DigestAccumulator {
  const digest = new DigestAccumulator();
  for (const { bucket, entryHash } of rows) digest.update(bucket, undefined, entryHash);
  return digest;
}

function differing(
  kept: DigestAccumulator,
  actual: DigestAccumulator,
  buckets: readonly number[],
): Bucket[] {
  const differ: Bucket[] = [];
  for (const bucket of buckets) {
    const is = actual.bucket(bucket);
    const was = kept.bucket(bucket);
    if (was.count !== is.count || !sameBytes(was.sum, is.sum)) differ.push({ bucket, ...is });
  }
  return differ;
}

function sameEntry(left: StoredRow, right: StoredRow): boolean {
  return left.bucket === right.bucket && sameBytes(left.entryHash, right.entryHash);
}
