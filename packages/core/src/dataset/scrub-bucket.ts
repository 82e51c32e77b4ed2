import { bucketOf, type DamagedRow, type DigestAccumulator } from "@lockstep/protocol";
import { sameBytes } from "./bytes.ts";
import type { Dataset } from "./dataset.ts";
import type { StoredDamage, StoredRow } from "./rows.ts";

/** What looking at a bucket has shown. */
export interface ScrubbedBucket {
  readonly rows: readonly StoredRow[];
  readonly damaged: readonly DamagedRow[];
}

const NO_KEY = new Uint8Array();

/**
 * Compares the stored rows of a bucket with their hashes, and all of them with the digest. `sums` is to count in;
 * it has never had anything in this bucket.
 */
export function scrubBucket(
  { hasher, digest }: Dataset,
  sums: DigestAccumulator,
  bucket: number,
  stored: readonly (StoredRow | StoredDamage)[],
): ScrubbedBucket {
  const rows: StoredRow[] = [];
  const damaged: DamagedRow[] = [];
  const found = (key: Uint8Array, problem: string): void => {
    damaged.push({ $typeName: "lockstep.v1.DamagedRow", bucket, key, problem });
  };
  for (const one of stored) {
    if ("damaged" in one) {
      found(one.damaged.key ?? NO_KEY, one.damaged.problem);
      continue;
    }
    rows.push(one);
    const { key, value, seq, schemaVersion } = one;
    const keyHash = hasher.keyHash(key);
    const hash = hasher.entryHash(keyHash, seq, schemaVersion, hasher.valueHash(value));
    if (!sameBytes(hash, one.entryHash))
      found(key, "key, value, seq or schema version are not those of its entry hash");
    else if (one.bucket !== bucketOf(keyHash)) found(key, "it belongs into another bucket");
    else sums.update(bucket, undefined, hash);
  }
  // When a row is damaged the sum cannot be right.
  const [kept, counted] = [sums.bucket(bucket), digest.bucket(bucket)];
  if (damaged.length === 0 && (kept.count !== counted.count || !sameBytes(kept.sum, counted.sum)))
    found(NO_KEY, `its ${kept.count} rows are not the ${counted.count} that were written`);
  return { rows, damaged };
}
