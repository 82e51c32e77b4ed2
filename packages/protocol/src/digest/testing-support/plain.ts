import { createHash } from "node:crypto";
import { DigestAccumulator } from "../accumulator.ts";

/** A live key: its bucket, and the number its entry hash is made from. */
export interface Entry {
  readonly bucket: number;
  readonly number: number;
}

const ZERO = Buffer.alloc(32);

/** The accumulator after these entries were inserted one by one. */
export function digestAt(entries: Entry[]): DigestAccumulator {
  const accumulator = new DigestAccumulator();
  for (const { bucket, number } of entries) {
    accumulator.update(bucket, undefined, entryHashAt(number));
  }
  return accumulator;
}

/** Some hash for each number; those of every eleventh number are such that sums overflow. */
export function entryHashAt(number: number): Uint8Array {
  const hash = sha256(Buffer.from(`entry ${number}`));
  return new Uint8Array(number % 11 === 0 ? hash.fill(0xff, 3) : hash);
}

/** The root over these entries, as the definition says it, with no thought of speed. */
export function plainRoot(entries: Entry[]): Uint8Array {
  return plainNode(0, 0, bucketsOf(entries));
}

/** All nodes of all levels, from the root on: 32 bytes each, one after the other. */
export function plainNodes(entries: Entry[]): Uint8Array[] {
  const buckets = bucketsOf(entries);
  return Array.from({ length: 5 }, (_, level) =>
    Buffer.concat(
      Array.from({ length: 16 ** level }, (_, index) => plainNode(level, index, buckets)),
    ),
  );
}

type Buckets = Map<number, { count: bigint; sum: bigint }>;

function bucketsOf(entries: Entry[]): Buckets {
  const buckets: Buckets = new Map();
  for (const { bucket, number } of entries) {
    const { count, sum } = buckets.get(bucket) ?? { count: 0n, sum: 0n };
    const hash = Buffer.from(entryHashAt(number)).reverse();
    const added = sum + BigInt(`0x${hash.toString("hex")}`);
    buckets.set(bucket, { count: count + 1n, sum: added % 2n ** 256n });
  }
  return buckets;
}

function plainNode(level: number, index: number, buckets: Buckets): Buffer {
  const width = 16 ** (4 - level);
  if (![...buckets.keys()].some((bucket) => Math.floor(bucket / width) === index)) return ZERO;
  if (level === 4) return plainLeaf(index, buckets);
  const children = Array.from({ length: 16 }, (_, child) =>
    plainNode(level + 1, 16 * index + child, buckets),
  );
  return sha256(Buffer.from("drv1-nod"), bigEndian(level, 1), bigEndian(index, 2), ...children);
}

function plainLeaf(bucket: number, buckets: Buckets): Buffer {
  const { count, sum } = buckets.get(bucket) ?? { count: 0n, sum: 0n };
  const littleEndian = bigEndian(sum, 32).reverse();
  return sha256(Buffer.from("drv1-lea"), bigEndian(bucket, 2), bigEndian(count, 8), littleEndian);
}

function bigEndian(number: number | bigint, bytes: number): Buffer {
  return Buffer.from(number.toString(16).padStart(2 * bytes, "0"), "hex");
}

function sha256(...parts: Buffer[]): Buffer {
  return createHash("sha256").update(Buffer.concat(parts)).digest();
}
