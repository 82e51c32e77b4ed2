import { hashOf } from "./hash.ts";

/** What a ChurnMap finds things by. */
export type ChurnKey = bigint | number | string;

// What a table has for each place beside two for finding it: the next place in order, the one before, the hash.
const PLACES_MIN = 8;
const NEXT = 2;
const BEFORE = 3;
const HASH = 4;
const PARTS = 5;
const NONE = -1;

/**
 * A map whose entries come and go all the time, in the order in which their keys came. The engine's own map lays
 * out its table anew after every few of them, and each old table, as long as it has not been collected, holds the
 * next one and through it all that was in the map since: what should be cheap garbage is copied from generation to
 * generation. This map uses its places again and lays out a table only to grow.
 *
 * While it is walked, nothing may be taken out but the entry just given.
 */
export class ChurnMap<K extends ChurnKey, V> {
  #keys: (K | undefined)[] = [];
  #values: (V | undefined)[] = [];
  #capacity = 0;
  #table: Int32Array = new Int32Array(0);
  #size = 0;
  #first = NONE;
  #last = NONE;
  /** The first of the places that were used before; they are linked like those in use. */
  #free = NONE;
  /** Places from here on have never been used. */
  #used = 0;
  /** How many entries have ever been taken out, and the place of the last. */
  #taken = 0;
  #lastTaken = NONE;

  /** How many entries there are. */
  get size(): number {
    return this.#size;
  }

  /** How many it can have before it has to grow. */
  get capacity(): number {
    return this.#capacity;
  }

  /** The key that came first; undefined when there is none. */
  get oldest(): K | undefined {
    return this.#first === NONE ? undefined : this.#keys[this.#first];
  }

  /** The value of a key; undefined when there is none. */
  get(key: K): V | undefined {
    if (this.#size === 0) return undefined;
    const at = this.#find(key, hashOf(key));
    return at < 0 ? undefined : this.#values[this.#placeAt(at)];
  }

  /** Whether there is an entry. */
  has(key: K): boolean {
    return this.#size > 0 && this.#find(key, hashOf(key)) >= 0;
  }

  /** Gives a key a value; a key that had one keeps its place in the order. */
  set(key: K, value: V): this {
    if (this.#size === this.#capacity) this.#grow();
    const hash = hashOf(key);
    const at = this.#find(key, hash);
    if (at >= 0) this.#values[this.#placeAt(at)] = value;
    else this.#add(~at, key, hash, value);
    return this;
  }

  /** Takes an entry out. True when there was one. */
  delete(key: K): boolean {
    if (this.#size === 0) return false;
    const at = this.#find(key, hashOf(key));
    if (at < 0) return false;
    const place = this.#placeAt(at);
    this.#closeGap(at);
    this.#unlink(place);
    this.#keys[place] = undefined;
    this.#values[place] = undefined;
    this.#table[NEXT * this.#capacity + place] = this.#free;
    this.#free = place;
    this.#size -= 1;
    this.#taken += 1;
    this.#lastTaken = place;
    return true;
  }

  /** Takes everything out. */
  clear(): void {
    this.#keys = [];
    this.#values = [];
    this.#capacity = 0;
    this.#table = new Int32Array(0);
    this.#size = 0;
    this.#first = NONE;
    this.#last = NONE;
    this.#free = NONE;
    this.#used = 0;
    this.#taken += 1;
    this.#lastTaken = NONE;
  }

  /** Its keys. @throws RangeError when another than the one just given has been taken out meanwhile */
  *keys(): IterableIterator<K> {
    for (const place of this.#places()) yield this.#keys[place] as K;
  }

  /** Its values. @throws RangeError when another than the one just given has been taken out meanwhile */
  *values(): IterableIterator<V> {
    for (const place of this.#places()) yield this.#values[place] as V;
  }

  /** Its entries. @throws RangeError when another than the one just given has been taken out meanwhile */
  *[Symbol.iterator](): IterableIterator<[K, V]> {
    for (const place of this.#places()) {
      yield [this.#keys[place] as K, this.#values[place] as V];
    }
  }

  *#places(): IterableIterator<number> {
    for (let place = this.#first; place !== NONE; ) {
      const next = this.#table[NEXT * this.#capacity + place] as number;
      const taken = this.#taken;
      yield place;
      // What was added meanwhile is given too, but not behind the last entry when that was taken out.
      if (this.#taken === taken) place = this.#table[NEXT * this.#capacity + place] as number;
      else if (this.#taken === taken + 1 && this.#lastTaken === place) place = next;
      else throw new RangeError("a map was changed while it was walked");
    }
  }

  /** Where in the table a key is found, or where it belongs, as a negative number. */
  #find(key: K, hash: number): number {
    const table = this.#table;
    const capacity = this.#capacity;
    const mask = 2 * capacity - 1;
    for (let at = hash & mask; ; at = (at + 1) & mask) {
      const place = (table[at] as number) - 1;
      if (place < 0) return ~at;
      if (table[HASH * capacity + place] === hash && this.#keys[place] === key) return at;
    }
  }

  #placeAt(at: number): number {
    return (this.#table[at] as number) - 1;
  }

  #add(at: number, key: K, hash: number, value: V): void {
    const place = this.#takePlace();
    const table = this.#table;
    const capacity = this.#capacity;
    this.#keys[place] = key;
    this.#values[place] = value;
    table[at] = place + 1;
    table[HASH * capacity + place] = hash;
    table[NEXT * capacity + place] = NONE;
    table[BEFORE * capacity + place] = this.#last;
    if (this.#last === NONE) this.#first = place;
    else table[NEXT * capacity + this.#last] = place;
    this.#last = place;
    this.#size += 1;
  }

  #takePlace(): number {
    const place = this.#free;
    if (place === NONE) return this.#used++;
    this.#free = this.#table[NEXT * this.#capacity + place] as number;
    return place;
  }

  #unlink(place: number): void {
    const table = this.#table;
    const capacity = this.#capacity;
    const next = table[NEXT * capacity + place] as number;
    const before = table[BEFORE * capacity + place] as number;
    if (before === NONE) this.#first = next;
    else table[NEXT * capacity + before] = next;
    if (next === NONE) this.#last = before;
    else table[BEFORE * capacity + next] = before;
  }

  /** Moves up what stands behind a place of the table only because that was taken. */
  #closeGap(at: number): void {
    const table = this.#table;
    const mask = 2 * this.#capacity - 1;
    let gap = at;
    for (let look = (at + 1) & mask; table[look] !== 0; look = (look + 1) & mask) {
      const home = table[HASH * this.#capacity + this.#placeAt(look)] as number;
      if (((look - home) & mask) < ((look - gap) & mask)) continue;
      table[gap] = table[look] as number;
      gap = look;
    }
    table[gap] = 0;
  }

  #grow(): void {
    const capacity = Math.max(PLACES_MIN, 2 * this.#capacity);
    const table = new Int32Array(PARTS * capacity);
    for (const part of [NEXT, BEFORE, HASH]) {
      const old = this.#table.subarray(part * this.#capacity, (part + 1) * this.#capacity);
      table.set(old, part * capacity);
    }
    const mask = 2 * capacity - 1;
    for (let place = 0; place < this.#used; place++) {
      let at = (table[HASH * capacity + place] as number) & mask;
      while (table[at] !== 0) at = (at + 1) & mask;
      table[at] = place + 1;
    }
    this.#table = table;
    this.#capacity = capacity;
  }
}
