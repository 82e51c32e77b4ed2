import { type Buckets, FAN_OUT, GROUPS } from "./buckets.ts";
import { HASH_BYTES } from "./hasher.ts";
import { Pending } from "./pending.ts";
import type { Sha256 } from "./sha256.ts";
import { writeSum } from "./sum.ts";
import { type Lanes, NOT_HERE, sharedLanes } from "./wasm/lanes.ts";

/** The level of the buckets; the root has level 0, and a node of level `l` has an index below 16^l. */
export const LEAF_LEVEL = 4;

const GROUP_LEVEL = 3;
const HASH_WORDS = HASH_BYTES / 4;
/** Where the nodes of levels 0, 1 and 2 begin among the upper ones, and how many these are. */
const FIRST_OF_LEVEL = [0, 1, 17];
const UPPER_NODES = 273;
const LEAF = { bucket: 8, count: 10, sum: 18, end: 50 };
const NODE = { level: 8, index: 9, children: 11, end: 11 + FAN_OUT * HASH_BYTES };
/** Inputs begin here in a lane, so that the children of a node are at whole words. */
const SKEW = 1;
const LANES_OF_TREE = 5;
/** Fewer are hashed one by one: four lanes take as long for one as for four. */
const FEW_INPUTS = 4;
const ZERO = new Uint32Array(HASH_WORDS);

/** The same memory by bytes and by words. */
type Memory = Pick<Lanes, "bytes" | "words">;

/**
 * The hashes of the tree over the buckets. They are kept, and taken anew when someone reads: only those of buckets
 * that were marked since, and of the nodes above them.
 */
export class DigestTree {
  readonly #buckets: Buckets;
  readonly #sha256: Sha256;
  #lanes: Lanes | null | undefined;
  /** The hashes of levels 0, 1 and 2. */
  readonly #upper = new Uint32Array(UPPER_NODES * HASH_WORDS);
  /** By level 0 to 3: the nodes whose hash is to be taken anew. */
  readonly #pending = [1, 16, 256, GROUPS].map((nodes) => new Pending(nodes));
  /** Where what is hashed alone is put together, and its hash is read. */
  readonly #alone: Memory = memoryOf(SKEW + NODE.end);
  readonly #hash = memoryOf(HASH_BYTES);

  /** @param lanes null for none; those of this thread by default */
  constructor(buckets: Buckets, sha256: Sha256, lanes?: Lanes | null) {
    this.#buckets = buckets;
    this.#sha256 = sha256;
    this.#lanes = lanes;
  }

  /** Bytes of its arrays. */
  get byteLength(): number {
    const inputs = this.#alone.bytes.byteLength + this.#hash.bytes.byteLength;
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
    const hashes = memoryOf(indices.length * HASH_BYTES);
    for (const [node, index] of indices.entries())
      this.#copyHash(level, index, hashes.words, node * HASH_WORDS);
    return hashes.bytes;
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
    const write = (leaf: number, memory: Memory, to: number) =>
      this.#writeLeaf(leaves[leaf] as number, memory, to);
    this.#hashAll(leaves.length, write, (leaf, words, from) =>
      this.#keepHash(LEAF_LEVEL, leaves[leaf] as number, words, from),
    );
  }

  /** Writes the input of a leaf, and gives its length; NOT_HERE when it has no keys. */
  #writeLeaf(bucket: number, { bytes }: Memory, to: number): number {
    const { counts, sums } = this.#buckets;
    const slot = this.#buckets.slotOf(bucket);
    const count = counts[slot] as number;
    if (count === 0) return NOT_HERE;
    writeTag(bytes, to, "drv1-lea");
    bytes[to + LEAF.bucket] = bucket >> 8;
    bytes[to + LEAF.bucket + 1] = bucket;
    const countAt = to + LEAF.count;
    for (let byte = 0; byte < 4; byte += 1) {
      bytes[countAt + byte] = 0;
      bytes[countAt + 4 + byte] = count >>> (24 - 8 * byte);
    }
    writeSum(sums, slot * HASH_WORDS, bytes, to + LEAF.sum);
    return LEAF.end;
  }

  #refreshNodes(level: number, indices: readonly number[]): void {
    const write = (node: number, memory: Memory, to: number) =>
      this.#writeNode(level, indices[node] as number, memory, to);
    this.#hashAll(indices.length, write, (node, words, from) =>
      this.#keepHash(level, indices[node] as number, words, from),
    );
  }

  /** Writes the input of a node, and gives its length; NOT_HERE when all its children are zero. */
  #writeNode(level: number, index: number, { bytes, words }: Memory, to: number): number {
    writeTag(bytes, to, "drv1-nod");
    bytes[to + NODE.level] = level;
    bytes[to + NODE.index] = index >> 8;
    bytes[to + NODE.index + 1] = index;
    const first = (to + NODE.children) >> 2;
    let any = 0;
    for (let child = 0; child < FAN_OUT; child += 1)
      any |= this.#copyHash(level + 1, index * FAN_OUT + child, words, first + child * HASH_WORDS);
    return any === 0 ? NOT_HERE : NODE.end;
  }

  #ready(): Lanes | null {
    if (this.#lanes === undefined) this.#lanes = sharedLanes();
    return this.#lanes;
  }

  /** Hashes many inputs. What has none is zero. */
  #hashAll(
    inputs: number,
    write: (at: number, memory: Memory, to: number) => number,
    take: (at: number, words: Uint32Array, from: number) => void,
  ): void {
    const lanes = inputs < FEW_INPUTS ? null : this.#ready();
    if (!lanes) {
      for (let at = 0; at < inputs; at += 1) take(at, this.#hashAlone(at, write), 0);
      return;
    }
    lanes.hashAll(
      LANES_OF_TREE,
      inputs,
      (at, to) => write(at, lanes, to),
      (at, hashAt) => (hashAt < 0 ? take(at, ZERO, 0) : take(at, lanes.words, hashAt >> 2)),
      SKEW,
    );
  }

  #hashAlone(at: number, write: (at: number, memory: Memory, to: number) => number): Uint32Array {
    const length = write(at, this.#alone, SKEW);
    if (length < 0) return ZERO;
    this.#hash.bytes.set(this.#sha256(this.#alone.bytes.subarray(SKEW, SKEW + length)));
    return this.#hash.words;
  }

  #keepHash(level: number, index: number, words: Uint32Array, from: number): void {
    const target = this.#hashesOf(level);
    const to = this.#placeOf(level, index);
    for (let word = 0; word < HASH_WORDS; word += 1)
      target[to + word] = words[from + word] as number;
  }

  /** Copies the hash of a node, and gives 0 only when it is zero. */
  #copyHash(level: number, index: number, target: Uint32Array, to: number): number {
    const from = this.#placeOf(level, index);
    const source = from < 0 ? ZERO : this.#hashesOf(level);
    const start = Math.max(from, 0);
    let any = 0;
    for (let at = 0; at < HASH_WORDS; at += 1) {
      const word = source[start + at] as number;
      target[to + at] = word;
      any |= word;
    }
    return any;
  }

  /** The array that holds the hashes of a level. */
  #hashesOf(level: number): Uint32Array {
    if (level === LEAF_LEVEL) return this.#buckets.hashes;
    return level === GROUP_LEVEL ? this.#buckets.groupHashes : this.#upper;
  }

  /** The word at which a node's hash begins there: below 0 for a node that has never had an entry. */
  #placeOf(level: number, index: number): number {
    if (level === LEAF_LEVEL) return this.#buckets.slotOf(index) * HASH_WORDS;
    if (level === GROUP_LEVEL) return this.#buckets.rowOf(index) * HASH_WORDS;
    return ((FIRST_OF_LEVEL[level] as number) + index) * HASH_WORDS;
  }
}

function memoryOf(byteLength: number): { bytes: Uint8Array; words: Uint32Array } {
  const buffer = new ArrayBuffer((byteLength + 3) & ~3);
  return { bytes: new Uint8Array(buffer), words: new Uint32Array(buffer) };
}

function writeTag(bytes: Uint8Array, at: number, tag: string): void {
  for (let unit = 0; unit < tag.length; unit += 1) bytes[at + unit] = tag.charCodeAt(unit);
}
