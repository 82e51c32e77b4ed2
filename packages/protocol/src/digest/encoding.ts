import { BUCKETS, type BucketState, type Buckets } from "./buckets.ts";
import { HASH_BYTES } from "./hasher.ts";
import { SUM_WORDS, writeSum } from "./sum.ts";

const FORMAT = 1;
const RECORD_BYTES = 2 + 8 + HASH_BYTES;

/**
 * Writes the buckets that have live keys, by number: a byte that says the format, then for each `u16(bucket) ||
 * u64(count) || sum`, as in the hash of a bucket. The same state always gives the same bytes.
 */
export function encodeBuckets(buckets: Buckets): Uint8Array {
  const live = [...liveBuckets(buckets)];
  const bytes = new Uint8Array(1 + live.length * RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  bytes[0] = FORMAT;
  let at = 1;
  for (const bucket of live) {
    const slot = buckets.slotOf(bucket);
    view.setUint16(at, bucket);
    // The upper four bytes of the count stay 0.
    view.setUint32(at + 6, buckets.counts[slot] as number);
    writeSum(buckets.sums, slot * SUM_WORDS, bytes, at + 10);
    at += RECORD_BYTES;
  }
  return bytes;
}

/**
 * Reads what `encodeBuckets` wrote.
 * @throws TypeError saying what is wrong with the bytes.
 */
export function decodeBuckets(
  bytes: Uint8Array,
  take: (bucket: number, state: BucketState) => void,
): void {
  if (bytes[0] !== FORMAT) throw new TypeError(`a digest of format ${bytes[0]} is not known`);
  if ((bytes.length - 1) % RECORD_BYTES !== 0)
    throw new TypeError(`a digest ends in the middle of a bucket, at byte ${bytes.length}`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let last = -1;
  for (let at = 1; at < bytes.length; at += RECORD_BYTES) {
    const bucket = view.getUint16(at);
    const count = view.getUint32(at + 6);
    if (bucket <= last) throw new TypeError(`a digest has bucket ${bucket} after ${last}`);
    if (count === 0 || view.getUint32(at + 2) !== 0)
      throw new TypeError(`a digest has a count in bucket ${bucket} that is not 1 to 2^32 - 1`);
    take(bucket, { count, sum: bytes.subarray(at + 10, at + RECORD_BYTES) });
    last = bucket;
  }
}

function* liveBuckets(buckets: Buckets): Generator<number> {
  for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
    const slot = buckets.slotOf(bucket);
    if (slot >= 0 && buckets.counts[slot] !== 0) yield bucket;
  }
}
