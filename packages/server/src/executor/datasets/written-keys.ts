import { keyTag } from "./key-hash.ts";

/** 2 MiB: of a million keys hardly one in five hundred others is taken for one of them, of four million one in seven. */
const BITS = 2 ** 24;
/** How many bits are set for a key. */
const PROBES = 4;

/**
 * Tells of a key, or of an idempotency key, that nothing was ever written under it: a Bloom filter over the datasets
 * whose every key it was given, which are those that were empty when it began or have been made since. An append of a
 * new key need not wait for the journal's thread then.
 */
export class WrittenKeys {
  readonly #datasets = new Set<bigint>();
  /** Made when it is needed first. */
  #words: Uint32Array | undefined;

  /** From here on it is given every key of this dataset, which has none yet. */
  begin(datasetId: bigint): void {
    this.#datasets.add(datasetId);
  }

  /** A dataset is gone; its id does not come again. */
  end(datasetId: bigint): void {
    this.#datasets.delete(datasetId);
  }

  /** Something is written under this key. */
  add(datasetId: bigint, key: Uint8Array): void {
    if (!this.#datasets.has(datasetId)) return;
    this.#words ??= new Uint32Array(BITS / 32);
    const words = this.#words;
    const tag = keyTag(datasetId, key);
    const step = stepOf(tag);
    for (let probe = 0, bit = tag; probe < PROBES; probe += 1, bit = (bit + step) | 0) {
      const word = (bit & (BITS - 1)) >>> 5;
      words[word] = (words[word] as number) | (1 << (bit & 31));
    }
  }

  /** Whether there may be, or may have been, something under this key. */
  mayHave(datasetId: bigint, key: Uint8Array): boolean {
    if (!this.#datasets.has(datasetId)) return true;
    const words = this.#words;
    if (words === undefined) return false;
    const tag = keyTag(datasetId, key);
    const step = stepOf(tag);
    for (let probe = 0, bit = tag; probe < PROBES; probe += 1, bit = (bit + step) | 0) {
      if (((words[(bit & (BITS - 1)) >>> 5] as number) & (1 << (bit & 31))) === 0) return false;
    }
    return true;
  }
}

/** How far the bits of a key lie apart: odd, and as good as independent of where they begin. */
function stepOf(tag: number): number {
  let mixed = Math.imul(tag ^ (tag >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) | 1;
}
