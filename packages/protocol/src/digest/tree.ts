import { type Buckets, FAN_OUT, GROUPS } from "./buckets.ts";
import { HASH_BYTES } from "./hasher.ts";
import { Pending } from "./pending.ts";
import type { Sha256 } from "./sha256.ts";
import { writeSum } from "./sum.ts";

/** The level of the buckets; the root has level 0, and a node of level `l` has an index below 16^l. */
export const LEAF_LEVEL = 4;

const GROUP_LEVEL = 3;
/** Where the nodes of levels 0, 1 and 2 begin among the upper ones, and how many these are. */
const FIRST_OF_LEVEL = [0, 1, 17];
const UPPER_NODES = 273;
const NODE_HEADER = 11;

/**
 * The hashes of the tree over the buckets. They are kept, and taken anew when someone reads: only those of buckets
 * that were marked since, and of the nodes above them.
 */
export class DigestTree {
  readonly #buckets: Buckets;
  readonly #sha256: Sha256;
  /** The hashes of levels 0, 1 and 2. */
  readonly #upper = new Uint8Array(UPPER_NODES * HASH_BYTES);
  /** By level 0 to 3: the nodes whose hash is to be taken anew. */
  readonly #pending = [1, 16, 256, GROUPS].map((nodes) => new Pending(nodes));
  readonly #leafInput = new Uint8Array(50);
  readonly #nodeInput = new Uint8Array(NODE_HEADER + FAN_OUT * HASH_BYTES);

  constructor(buckets: Buckets, sha256: Sha256) {
    this.#buckets = buckets;
    this.#sha256 = sha256;
    const encoder = new TextEncoder();
    encoder.encodeInto("drv1-lea", this.#leafInput);
    encoder.encodeInto("drv1-nod", this.#nodeInput);
  }

  /** Bytes of its arrays. */
  get byteLength(): number {
    const inputs = this.#leafInput.byteLength + this.#nodeInput.byteLength;
    return this.#pending.reduce(
      (total, { byteLength }) => total + byteLength,
      this.#upper.byteLength + inputs,
    );
  }

  /** Says that the count or the sum of a bucket, which has a slot, has changed. */
  markChanged(bucket: number): void {
    if (this.#buckets.markStale(bucket)) this.#pending[GROUP_LEVEL]?.add(bucket >> 4);
  }

  /** The hashes of nodes of a level, one after the other. */
  read(level: number, indices: readonly number[]): Uint8Array {
    this.#refresh();
    const hashes = new Uint8Array(indices.length * HASH_BYTES);
    for (const [node, index] of indices.entries()) {
      this.#copyHash(level, index, hashes, node * HASH_BYTES);
    }
    return hashes;
  }

  #refresh(): void {
    for (let level = GROUP_LEVEL; level >= 0; level -= 1) {
      const pending = this.#pending[level];
      const above = this.#pending[level - 1];
      for (let index = pending?.take(); index !== undefined; index = pending?.take()) {
        if (level === GROUP_LEVEL) this.#refreshLeaves(index);
        this.#refreshNode(level, index);
        above?.add(index >> 4);
      }
    }
  }

  #refreshLeaves(group: number): void {
    let stale = this.#buckets.takeStale(group);
    for (let bucket = group * FAN_OUT; stale !== 0; bucket += 1) {
      if ((stale & 1) === 1) this.#refreshLeaf(bucket);
      stale >>= 1;
    }
  }

  #refreshLeaf(bucket: number): void {
    const { counts, sums, hashes } = this.#buckets;
    const slot = this.#buckets.slotOf(bucket);
    const count = counts[slot] as number;
    const at = slot * HASH_BYTES;
    if (count === 0) {
      hashes.fill(0, at, at + HASH_BYTES);
      return;
    }
    const input = this.#leafInput;
    input[8] = bucket >> 8;
    input[9] = bucket;
    // The upper four bytes of the count stay 0.
    for (let byte = 0; byte < 4; byte += 1) input[14 + byte] = count >>> (24 - 8 * byte);
    writeSum(sums, slot * 8, input, 18);
    hashes.set(this.#sha256(input), at);
  }

  #refreshNode(level: number, index: number): void {
    const input = this.#nodeInput;
    input[8] = level;
    input[9] = index >> 8;
    input[10] = index;
    for (let child = 0; child < FAN_OUT; child += 1) {
      this.#copyHash(level + 1, index * FAN_OUT + child, input, NODE_HEADER + child * HASH_BYTES);
    }
    const [target, at] = this.#placeOf(level, index);
    if (isZero(input, NODE_HEADER)) target.fill(0, at, at + HASH_BYTES);
    else target.set(this.#sha256(input), at);
  }

  #copyHash(level: number, index: number, target: Uint8Array, offset: number): void {
    const [source, at] = this.#placeOf(level, index);
    if (at < 0) target.fill(0, offset, offset + HASH_BYTES);
    // A loop takes half as long as a view of 32 bytes and a `set`.
    else
      for (let byte = 0; byte < HASH_BYTES; byte += 1)
        target[offset + byte] = source[at + byte] as number;
  }

  /** The array that holds a node's hash, and where: below 0 for a node that has never had an entry. */
  #placeOf(level: number, index: number): [Uint8Array, number] {
    const buckets = this.#buckets;
    if (level === LEAF_LEVEL) return [buckets.hashes, buckets.slotOf(index) * HASH_BYTES];
    if (level === GROUP_LEVEL) return [buckets.groupHashes, buckets.rowOf(index) * HASH_BYTES];
    return [this.#upper, ((FIRST_OF_LEVEL[level] as number) + index) * HASH_BYTES];
  }
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
