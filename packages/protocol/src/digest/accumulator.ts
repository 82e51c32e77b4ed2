import { BUCKETS, type BucketState, Buckets, FAN_OUT } from "./buckets.ts";
import { DigestError } from "./digest-error.ts";
import { decodeBuckets, encodeBuckets } from "./encoding.ts";
import { HASH_BYTES } from "./hasher.ts";
import { portableSha256, type Sha256 } from "./sha256.ts";
import { addHash, equalsHash, SUM_WORDS, subtractHash, writeSum } from "./sum.ts";
import { DigestTree, LEAF_LEVEL } from "./tree.ts";
import type { Lanes } from "./wasm/lanes.ts";

const MAX_COUNT = 2 ** 32 - 1;

/**
 * The state digest of one dataset, kept up with each change by the entry hashes that it takes away and brings; values
 * are never read again. It takes 30 KiB when empty and at most 136 bytes for each bucket that has been used, or twice that
 * just after its arrays have doubled; with all 65,536 buckets in use less than 5 MiB. Hashes of the tree are included.
 */
export class DigestAccumulator {
  readonly #buckets = new Buckets();
  readonly #tree: DigestTree;
  #count = 0;

  /**
   * @param sha256 where there are no lanes
   * @param lanes null for none; those of this thread by default
   */
  constructor(sha256: Sha256 = portableSha256, lanes?: Lanes | null) {
    this.#tree = new DigestTree(this.#buckets, sha256, lanes);
  }

  /**
   * The accumulator that `toBytes` wrote.
   * @throws TypeError saying what is wrong with the bytes.
   */
  static fromBytes(bytes: Uint8Array, sha256: Sha256 = portableSha256): DigestAccumulator {
    const accumulator = new DigestAccumulator(sha256);
    decodeBuckets(bytes, (bucket, state) => accumulator.setBucket(bucket, state));
    return accumulator;
  }

  /** Live keys of the dataset, exact below 2^53. */
  get count(): number {
    return this.#count;
  }

  /** Bytes of all its arrays. */
  get byteLength(): number {
    return this.#buckets.byteLength + this.#tree.byteLength;
  }

  /**
   * Takes a change in: an insert has no `before`, a delete no `after`, a replacement both; a delete of an absent key or
   * a control entry has neither and changes nothing.
   * @param bucket of the key, 0 to 65535
   * @param before the entry hash that was stored with the key
   * @param after the entry hash that is stored with it now
   * @throws DigestError naming the bucket when it cannot hold `before`, or no further key. Nothing has been changed.
   */
  update(bucket: number, before: Uint8Array | undefined, after: Uint8Array | undefined): void {
    requireInRange("a bucket", bucket, BUCKETS);
    if (before !== undefined) requireHash("an entry hash", before);
    if (after !== undefined) requireHash("an entry hash", after);
    if (before !== undefined) this.#requireEntry(bucket, before);
    else if (after === undefined) return;
    const slot = this.#buckets.takeSlot(bucket);
    const { counts, sums } = this.#buckets;
    const change = (after === undefined ? 0 : 1) - (before === undefined ? 0 : 1);
    const count = (counts[slot] as number) + change;
    if (count > MAX_COUNT) throw new DigestError(bucket, "cannot hold more keys");
    if (before !== undefined) subtractHash(sums, slot * SUM_WORDS, before);
    if (after !== undefined) addHash(sums, slot * SUM_WORDS, after);
    counts[slot] = count;
    this.#count += change;
    this.#tree.markChanged(bucket);
  }

  /** What a bucket holds, for whoever keeps it. */
  bucket(bucket: number): BucketState {
    requireInRange("a bucket", bucket, BUCKETS);
    const sum = new Uint8Array(HASH_BYTES);
    const slot = this.#buckets.slotOf(bucket);
    if (slot < 0) return { count: 0, sum };
    writeSum(this.#buckets.sums, slot * SUM_WORDS, sum, 0);
    return { count: this.#buckets.counts[slot] as number, sum };
  }

  /**
   * Puts back what a bucket held.
   * @throws DigestError naming the bucket when it has no keys and yet a sum.
   */
  setBucket(bucket: number, { count, sum }: BucketState): void {
    requireInRange("a bucket", bucket, BUCKETS);
    requireInRange("a bucket's count", count, MAX_COUNT + 1);
    requireHash("a sum", sum);
    if (count === 0 && sum.some((byte) => byte !== 0))
      throw new DigestError(bucket, "has no keys, and yet a sum");
    if (count === 0 && this.#buckets.slotOf(bucket) < 0) return;
    const slot = this.#buckets.takeSlot(bucket);
    const { counts, sums } = this.#buckets;
    this.#count += count - (counts[slot] as number);
    counts[slot] = count;
    sums.fill(0, slot * SUM_WORDS, (slot + 1) * SUM_WORDS);
    addHash(sums, slot * SUM_WORDS, sum);
    this.#tree.markChanged(bucket);
  }

  /** The digest of the dataset: 32 bytes. The work is proportional to the buckets changed since the last read. */
  root(): Uint8Array {
    return this.#tree.read(0, [0]);
  }

  /**
   * The hashes of nodes of a level, 32 bytes each, one after the other in the order of `indices`.
   * @param level 0 for the root, to 4 for the buckets; level `l` has 16^l nodes
   * @throws RangeError when the level has no such node.
   */
  nodes(level: number, indices: readonly number[]): Uint8Array {
    requireInRange("a level", level, LEAF_LEVEL + 1);
    for (const index of indices) requireInRange("a node's index", index, FAN_OUT ** level);
    return this.#tree.read(level, indices);
  }

  /**
   * Which of these nodes have other hashes in another accumulator: a part of `indices`, in its order.
   * @param theirs what `nodes` of the other one gave for this level and these indices
   * @throws RangeError when they are more or fewer hashes, or the level has no such node.
   */
  differingNodes(level: number, indices: readonly number[], theirs: Uint8Array): number[] {
    if (theirs.length !== indices.length * HASH_BYTES)
      throw new RangeError(`${indices.length} hashes do not have ${theirs.length} bytes`);
    const ours = this.nodes(level, indices);
    return indices.filter((_, node) => !sameHash(ours, theirs, node * HASH_BYTES));
  }

  /** All buckets with live keys, by number: 42 bytes each and one for the format. */
  toBytes(): Uint8Array {
    return encodeBuckets(this.#buckets);
  }

  #requireEntry(bucket: number, entryHash: Uint8Array): void {
    const { counts, sums } = this.#buckets;
    const slot = this.#buckets.slotOf(bucket);
    if (slot < 0 || counts[slot] === 0)
      throw new DigestError(bucket, "has no keys, and a change would take one from it");
    // With one key its sum is known; otherwise the sum would stay after the last key has gone.
    if (counts[slot] === 1 && !equalsHash(sums, slot * SUM_WORDS, entryHash))
      throw new DigestError(bucket, "has one key, and a change would take another from it");
  }
}

/** The indices of the 16 children of each of these nodes, on the level below theirs. */
export function childrenOf(indices: readonly number[]): number[] {
  return indices.flatMap((index) =>
    Array.from({ length: FAN_OUT }, (_, child) => index * FAN_OUT + child),
  );
}

function requireInRange(what: string, value: number, limit: number): void {
  if (!Number.isInteger(value) || value < 0 || value >= limit)
    throw new RangeError(`${what} is 0 to ${limit - 1}, not ${value}`);
}

function requireHash(what: string, { length }: Uint8Array): void {
  if (length !== HASH_BYTES) throw new RangeError(`${what} has ${HASH_BYTES} bytes, not ${length}`);
}

function sameHash(left: Uint8Array, right: Uint8Array, from: number): boolean {
  for (let at = from; at < from + HASH_BYTES; at += 1) if (left[at] !== right[at]) return false;
  return true;
}
