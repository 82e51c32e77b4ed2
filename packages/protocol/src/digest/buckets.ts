import { Growing } from "./growing.ts";
import { SUM_WORDS } from "./sum.ts";

/** Buckets of a dataset; they are numbered from 0. */
export const BUCKETS = 65_536;
/** Children of a node of the tree over the buckets. */
export const FAN_OUT = 16;
/** Groups of buckets: the 16 under one node of level 3. */
export const GROUPS = BUCKETS / FAN_OUT;

/** What a bucket holds. */
export interface BucketState {
  /** Live keys, 0 to 2^32 - 1. */
  readonly count: number;
  /** The sum of their entry hashes, 32 bytes as a little-endian integer. Zeros when there are no live keys. */
  readonly sum: Uint8Array;
}

/**
 * What is kept for each bucket, in arrays that hold only what has been used. A bucket has a *slot* from its first
 * entry on, and the group of 16 that it belongs to has a *row*; both are given out in the order of first use.
 */
export class Buckets {
  /** By group: its row + 1, or 0. */
  readonly #rowOfGroup = new Uint16Array(GROUPS);
  /** By row: the slots of its 16 buckets, of those that have one. */
  readonly #slots = new Growing(Uint16Array, FAN_OUT, GROUPS);
  /** By row: which of its 16 buckets have a slot, one bit each. */
  readonly #slotted = new Growing(Uint16Array, 1, GROUPS);
  /** By row: which of its buckets have changed since their hash was taken, one bit each. */
  readonly #stale = new Growing(Uint16Array, 1, GROUPS);
  /** By row: the hash of the node of level 3. */
  readonly #groupHashes = new Growing(Uint32Array, SUM_WORDS, GROUPS);
  /** By slot: live keys, the sum of their entry hashes, and the hash of the node of level 4. */
  readonly #counts = new Growing(Uint32Array, 1, BUCKETS);
  readonly #sums = new Growing(Uint32Array, SUM_WORDS, BUCKETS);
  readonly #hashes = new Growing(Uint32Array, SUM_WORDS, BUCKETS);

  /** By slot. */
  get counts(): Uint32Array {
    return this.#counts.array;
  }

  /** Eight words by slot. */
  get sums(): Uint32Array {
    return this.#sums.array;
  }

  /** Eight words by slot, as they are in memory. */
  get hashes(): Uint32Array {
    return this.#hashes.array;
  }

  /** Eight words by row, as they are in memory. */
  get groupHashes(): Uint32Array {
    return this.#groupHashes.array;
  }

  /** Bytes of all arrays. */
  get byteLength(): number {
    const growing = [
      this.#slots,
      this.#slotted,
      this.#stale,
      this.#groupHashes,
      this.#counts,
      this.#sums,
      this.#hashes,
    ];
    return growing.reduce(
      (total, { array }) => total + array.byteLength,
      this.#rowOfGroup.byteLength,
    );
  }

  /** The row of a group, or -1. */
  rowOf(group: number): number {
    return (this.#rowOfGroup[group] as number) - 1;
  }

  /** The slot of a bucket, or -1. */
  slotOf(bucket: number): number {
    const row = this.rowOf(bucket >> 4);
    const inGroup = bucket & 15;
    if (row < 0 || (((this.#slotted.array[row] as number) >> inGroup) & 1) === 0) return -1;
    return this.#slots.array[row * FAN_OUT + inGroup] as number;
  }

  /** The slot of a bucket, which gets one if it has none. */
  takeSlot(bucket: number): number {
    const known = this.slotOf(bucket);
    if (known >= 0) return known;
    const row = this.#takeRow(bucket >> 4);
    const inGroup = bucket & 15;
    const slot = this.#counts.extend();
    this.#sums.extend();
    this.#hashes.extend();
    this.#slots.array[row * FAN_OUT + inGroup] = slot;
    const slotted = this.#slotted.array;
    slotted[row] = (slotted[row] as number) | (1 << inGroup);
    return slot;
  }

  /** Marks the hash of a bucket that has a slot as stale. True when its group had no stale one. */
  markStale(bucket: number): boolean {
    const row = this.rowOf(bucket >> 4);
    const stale = this.#stale.array;
    const before = stale[row] as number;
    stale[row] = before | (1 << (bucket & 15));
    return before === 0;
  }

  /** Takes the stale buckets of a group off its row: one bit for each of its 16. */
  takeStale(group: number): number {
    const row = this.rowOf(group);
    const stale = this.#stale.array[row] as number;
    this.#stale.array[row] = 0;
    return stale;
  }

  #takeRow(group: number): number {
    const known = this.rowOf(group);
    if (known >= 0) return known;
    const row = this.#slots.extend();
    this.#slotted.extend();
    this.#stale.extend();
    this.#groupHashes.extend();
    this.#rowOfGroup[group] = row + 1;
    return row;
  }
}
