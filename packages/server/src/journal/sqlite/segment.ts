import type { JournalFilter } from "../journal.ts";
import { RecordWalk } from "./encoding.ts";

/**
 * A segment of the index: which keys the events of some batches in a row name, and where. Integers are
 * unsigned, big-endian.
 *
 * ```
 * segment = keys u32 | place u32 × keys | entry × keys
 * entry   = key length u16 | key in UTF-8 | count u32 | distance u32 × count
 * ```
 *
 * Entries lie in the order of the bytes of their keys, each key once; `place` is where an entry begins.
 * A distance is that of an event's revision from the segment's first, rising. So a key and a prefix
 * are found by halving.
 */
export interface SegmentRange {
  readonly first: bigint;
  readonly last: bigint;
}

/** What a segment is made from, batch by batch. */
export class SegmentBuilder {
  readonly #first: bigint;
  readonly #distances = new Map<string, number[]>();
  #last: bigint;
  #bytes = 4;

  /** @param first the first revision it will cover */
  constructor(first: bigint) {
    this.#first = first;
    this.#last = first - 1n;
  }

  get range(): SegmentRange {
    return { first: this.#first, last: this.#last };
  }

  /** How many events it covers. */
  get events(): number {
    return Number(this.#last - this.#first) + 1;
  }

  /** How long it will be. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds an encoded batch, which must follow the one before without a gap. */
  add(batch: Uint8Array): void {
    for (const walk = new RecordWalk(batch); walk.next(); ) {
      this.#last += 1n;
      const distance = Number(this.#last - this.#first);
      for (const key of walk.keys("latin1")) this.#addKey(key, distance);
    }
  }

  /** Its bytes. */
  encode(): Uint8Array {
    const out = Buffer.allocUnsafeSlow(this.#bytes);
    const keys = [...this.#distances.keys()].sort();
    out.writeUInt32BE(keys.length, 0);
    let at = 4 + 4 * keys.length;
    for (const [index, key] of keys.entries()) {
      out.writeUInt32BE(at, 4 + 4 * index);
      at = this.#encodeEntry(out, at, key);
    }
    return out;
  }

  #addKey(key: string, distance: number): void {
    const known = this.#distances.get(key);
    if (known === undefined) {
      this.#distances.set(key, [distance]);
      this.#bytes += 4 + 2 + key.length + 4 + 4;
    } else if (known.at(-1) !== distance) {
      known.push(distance);
      this.#bytes += 4;
    }
  }

  #encodeEntry(out: Buffer, start: number, key: string): number {
    const distances = this.#distances.get(key) ?? [];
    let at = out.writeUInt16BE(key.length, start);
    at += out.write(key, at, "latin1");
    at = out.writeUInt32BE(distances.length, at);
    for (const distance of distances) at = out.writeUInt32BE(distance, at);
    return at;
  }
}

/** A segment to look into. */
export class Segment {
  readonly range: SegmentRange;
  readonly #bytes: Buffer;
  readonly #keys: number;

  constructor(range: SegmentRange, bytes: Uint8Array) {
    this.range = range;
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#keys = this.#bytes.readUInt32BE(0);
  }

  /** The length of its bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  /** The revisions after one of the events that a filter chooses, each once, rising. */
  find(filter: Exclude<JournalFilter, { kind: "all" }>, after: bigint): bigint[] {
    const found = new Set<number>();
    const skip = Number(after - this.range.first);
    if (filter.kind === "prefix") this.#findPrefix(Buffer.from(filter.prefix), skip, found);
    else for (const key of filter.keys) this.#findKey(Buffer.from(key), skip, found);
    return [...Uint32Array.from(found).sort()].map(
      (distance) => this.range.first + BigInt(distance),
    );
  }

  #findKey(key: Buffer, skip: number, found: Set<number>): void {
    const index = this.#lowerBound(key);
    if (index < this.#keys && this.#keyAt(index).equals(key)) this.#collect(index, skip, found);
  }

  #findPrefix(prefix: Buffer, skip: number, found: Set<number>): void {
    for (let index = this.#lowerBound(prefix); index < this.#keys; index += 1) {
      if (!this.#keyAt(index).subarray(0, prefix.length).equals(prefix)) return;
      this.#collect(index, skip, found);
    }
  }

  /** The first entry whose key is not below one. */
  #lowerBound(key: Buffer): number {
    let low = 0;
    let high = this.#keys;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#keyAt(middle).compare(key) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #keyAt(index: number): Buffer {
    const start = this.#placeOf(index);
    return this.#bytes.subarray(start + 2, start + 2 + this.#bytes.readUInt16BE(start));
  }

  #collect(index: number, skip: number, found: Set<number>): void {
    const start = this.#placeOf(index);
    const countAt = start + 2 + this.#bytes.readUInt16BE(start);
    const end = countAt + 4 + 4 * this.#bytes.readUInt32BE(countAt);
    for (let at = countAt + 4; at < end; at += 4) {
      const distance = this.#bytes.readUInt32BE(at);
      if (distance > skip) found.add(distance);
    }
  }

  #placeOf(index: number): number {
    return this.#bytes.readUInt32BE(4 + 4 * index);
  }
}
