import { type ChurnKey, ChurnMap } from "@lockstep/protocol";

/** How many entries a map may have room for and be kept while it is empty. */
const KEPT_CAPACITY_MAX = 128;

/**
 * A map that mostly has no entry, or one. Of those there are millions, and a map takes some hundred
 * bytes before anything is in it; this one has such a map only while it has more than one entry. Keeps the
 * order in which its keys came. No value may be undefined.
 */
export class SmallMap<K extends ChurnKey, V> {
  #key: K | undefined;
  #value: V | undefined;
  #many: ChurnMap<K, V> | undefined;

  /** How many entries there are. */
  get size(): number {
    if (this.#many !== undefined) return this.#many.size;
    return this.#value === undefined ? 0 : 1;
  }

  /** The value of a key; undefined when there is none. */
  get(key: K): V | undefined {
    if (this.#many !== undefined) return this.#many.get(key);
    return this.#key === key ? this.#value : undefined;
  }

  /** Whether a key has a value. */
  has(key: K): boolean {
    return this.get(key) !== undefined;
  }

  /** Gives a key a value; a key that had one keeps its place. */
  set(key: K, value: V): void {
    if (this.#many !== undefined) {
      this.#many.set(key, value);
    } else if (this.#value === undefined || this.#key === key) {
      this.#key = key;
      this.#value = value;
    } else {
      this.#many = new ChurnMap<K, V>().set(this.#key as K, this.#value).set(key, value);
      this.#key = undefined;
      this.#value = undefined;
    }
  }

  /** Takes a key out. True when it had a value. */
  delete(key: K): boolean {
    if (this.#many === undefined) {
      if (!this.has(key)) return false;
      this.clear();
      return true;
    }
    const had = this.#many.delete(key);
    // One that empties is likely to fill again; a large one would be kept for nothing.
    if (this.#many.size === 0 && this.#many.capacity > KEPT_CAPACITY_MAX) this.#many = undefined;
    return had;
  }

  /** Takes everything out. */
  clear(): void {
    this.#key = undefined;
    this.#value = undefined;
    this.#many = undefined;
  }

  /** The key that came first; undefined when there is none. */
  get oldest(): K | undefined {
    return this.#many === undefined ? this.#key : this.#many.oldest;
  }

  /** Its keys, in the order in which they came. */
  keys(): IterableIterator<K> {
    if (this.#many !== undefined) return this.#many.keys();
    return (this.#value === undefined ? [] : [this.#key as K]).values();
  }

  /** Its values, in the order in which their keys came. */
  values(): IterableIterator<V> {
    if (this.#many !== undefined) return this.#many.values();
    return (this.#value === undefined ? [] : [this.#value]).values();
  }

  /** Its entries, in the order in which their keys came. */
  [Symbol.iterator](): IterableIterator<[K, V]> {
    if (this.#many !== undefined) return this.#many[Symbol.iterator]();
    const entries: [K, V][] = this.#value === undefined ? [] : [[this.#key as K, this.#value]];
    return entries.values();
  }
}
