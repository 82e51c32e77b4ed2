import { type Buckets, FAN_OUT, GROUPS } from "./buckets.ts";
import { HASH_BYTES } from "./hasher.ts";
import { Pending } from "./pending.ts";
import type { Sha256 } from "./sha256.ts";
import { writeSum } from "./sum.ts";
import { type Lanes, NOT_HERE, sharedLanes } from "./wasm/lanes.ts";

/** The level of the buckets; the root has level 0, and a node of level `l` has an index below 16^l. */
export const LEAF_LEVEL = 4;

const GROUP_LEVEL = 3;
/** Where the nodes of levels 0, 1 and 2 begin among the upper ones, and how many these are. */
const FIRST_OF_LEVEL = [0, 1, 17];
const UPPER_NODES = 273;
const NODE_HEADER = 11;
const LANES_OF_TREE = 5;
/** Fewer are hashed one by one: four lanes take as long for one as for four. */
const FEW_INPUTS = 4;
const ZERO = new Uint8Array(HASH_BYTES);

/**
 * The hashes of the tree over the buckets. They are kept, and taken anew when someone reads: only those of buckets
 * that were marked since, and of the nodes above them.
 */
export class DigestTree {
  readonly #buckets: Buckets;
  readonly #sha256: Sha256;
  #lanes: Lanes | null | undefined;
  /** The hashes of levels 0, 1 and 2. */
  readonly #upper = new Uint8Array(UPPER_NODES * HASH_BYTES);
  /** By level 0 to 3: the nodes whose hash is to be taken anew. */
  readonly #pending = [1, 16, 256, GROUPS].map((nodes) => new Pending(nodes));
  readonly #leafInput = new Uint8Array(50);
  readonly #nodeInput = new Uint8Array(NODE_HEADER + FAN_OUT * HASH_BYTES);

  /** @param lanes null for none; those of this thread by default */
  constructor(buckets: Buckets, sha256: Sha256, lanes?: Lanes | null) {
    this.#buckets = buckets;
    this.#sha256 = sha256;
    this.#lanes = lanes;
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
      const stale: number[] = [];
      for (let index = pending?.take(); index !== undefined; index = pending?.take()) {
        stale.push(index);
        above?.add(index >> 4);
      }
      if (level === GROUP_LEVEL) this.#refreshLeaves(stale);
      this.#refreshNodes(level, stale);
    }
  }

  #refreshLeaves(groups: readonly number[]): void {
    const leaves: number[] = [];
    for (const group of groups) {
      let stale = this.#buckets.takeStale(group);
      for (let bucket = group * FAN_OUT; stale !== 0; bucket += 1) {
        if ((stale & 1) === 1) leaves.push(bucket);
        stale >>= 1;
      }
    }
    const { hashes } = this.#buckets;
    const write = (leaf: number) => this.#writeLeaf(leaves[leaf] as number);
    this.#hashAll(leaves.length, this.#leafInput, write, (leaf, hash, from) => {
      const at = this.#buckets.slotOf(leaves[leaf] as number) * HASH_BYTES;
      copyHash(hash, from, hashes, at);
    });
  }

  /** Writes the input of a leaf; false when it has no keys. */
  #writeLeaf(bucket: number): boolean {
    const { counts, sums } = this.#buckets;
    const slot = this.#buckets.slotOf(bucket);
    const count = counts[slot] as number;
    if (count === 0) return false;
    const input = this.#leafInput;
    input[8] = bucket >> 8;
    input[9] = bucket;
    // The upper four bytes of the count stay 0.
    for (let byte = 0; byte < 4; byte += 1) input[14 + byte] = count >>> (24 - 8 * byte);
    writeSum(sums, slot * 8, input, 18);
    return true;
  }

  #refreshNodes(level: number, indices: readonly number[]): void {
    const write = (node: number) => this.#writeNode(level, indices[node] as number);
    this.#hashAll(indices.length, this.#nodeInput, write, (node, hash, from) => {
      const [target, at] = this.#placeOf(level, indices[node] as number);
      copyHash(hash, from, target, at);
    });
  }

  /** Writes the input of a node; false when all its children are zero. */
  #writeNode(level: number, index: number): boolean {
    const input = this.#nodeInput;
    input[8] = level;
    input[9] = index >> 8;
    input[10] = index;
    for (let child = 0; child < FAN_OUT; child += 1) {
      this.#copyHash(level + 1, index * FAN_OUT + child, input, NODE_HEADER + child * HASH_BYTES);
    }
    return !isZero(input, NODE_HEADER);
  }

  #ready(): Lanes | null {
    if (this.#lanes === undefined) this.#lanes = sharedLanes();
    return this.#lanes;
  }

  /** Hashes many inputs. What has none is zero. */
  #hashAll(
    inputs: number,
    input: Uint8Array,
    write: (at: number) => boolean,
    take: (at: number, bytes: Uint8Array, from: number) => void,
  ): void {
    const lanes = inputs < FEW_INPUTS ? null : this.#ready();
    if (!lanes) {
      for (let at = 0; at < inputs; at += 1) take(at, write(at) ? this.#sha256(input) : ZERO, 0);
      return;
    }
    const put = (at: number, to: number) => {
      if (!write(at)) return NOT_HERE;
      lanes.write(to, input);
      return input.length;
    };
    lanes.hashAll(LANES_OF_TREE, inputs, put, (at, hashAt) =>
      hashAt < 0 ? take(at, ZERO, 0) : take(at, lanes.bytes, hashAt),
    );
  }

  #copyHash(level: number, index: number, target: Uint8Array, offset: number): void {
    const [source, at] = this.#placeOf(level, index);
    if (at < 0) target.fill(0, offset, offset + HASH_BYTES);
    else copyHash(source, at, target, offset);
  }

  /** The array that holds a node's hash, and where: below 0 for a node that has never had an entry. */
  #placeOf(level: number, index: number): [Uint8Array, number] {
    const buckets = this.#buckets;
    if (level === LEAF_LEVEL) return [buckets.hashes, buckets.slotOf(index) * HASH_BYTES];
    if (level === GROUP_LEVEL) return [buckets.groupHashes, buckets.rowOf(index) * HASH_BYTES];
    return [this.#upper, ((FIRST_OF_LEVEL[level] as number) + index) * HASH_BYTES];
  }
}

/** A loop takes half as long as a view of 32 bytes and a `set`. */
function copyHash(source: Uint8Array, from: number, target: Uint8Array, to: number): void {
  for (let byte = 0; byte < HASH_BYTES; byte += 1)
    target[to + byte] = source[from + byte] as number;
}

function isZero(bytes: Uint8Array, from: number): boolean {
  for (let at = from; at < bytes.length; at += 1) if (bytes[at] !== 0) return false;
  return true;
}
