/** Chance that follows from a label alone: the same label gives the same numbers in every run. */
export class Chance {
  readonly #label: string;
  #state: number;

  constructor(label: string) {
    this.#label = label;
    this.#state = hashOf(label);
  }

  /** Chance of its own, which goes on unchanged however much is drawn here. */
  of(label: string): Chance {
    return new Chance(`${this.#label}/${label}`);
  }

  /** From 0 up to but not including 1. */
  fraction(): number {
    return this.#next() / 2 ** 32;
  }

  /** A number between two others. */
  between(min: number, max: number): number {
    return min + (max - min) * this.fraction();
  }

  /** A whole number, both ends included. */
  whole(min: number, max: number): number {
    return min + Math.floor((max - min + 1) * this.fraction());
  }

  /** True so often. */
  yes(probability: number): boolean {
    return this.fraction() < probability;
  }

  /** One of a list that is not empty. */
  pick<T>(list: readonly T[]): T {
    return list[this.whole(0, list.length - 1)] as T;
  }

  /** Bytes. */
  bytes(length: number): Uint8Array<ArrayBuffer> {
    return Uint8Array.from({ length }, () => this.#next() & 0xff);
  }

  /** A Weyl sequence, its bits mixed into each other. */
  #next(): number {
    this.#state = (this.#state + 0x9e3779b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }
}

/** A 32-bit hash of a text. */
export function hashOf(text: string, start = 0x811c9dc5): number {
  let hash = start;
  for (let at = 0; at < text.length; at++) {
    hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x45d9f3b);
  return (hash ^ (hash >>> 15)) >>> 0;
}
