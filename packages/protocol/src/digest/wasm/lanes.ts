import { COUNTS_AT, HASHES_AT, LANE_BYTES, sha256Module } from "./sha256-code.ts";

const LANES = 4;
/** Bytes of the longest input of a lane. Longer ones are faster one by one where the platform has a function for it. */
export const MAX_INPUT_BYTES = LANE_BYTES - 9;

/** The length of an input that is not hashed in a lane, and the place of its hash. */
export const NOT_HERE = -1;

const HASH_BYTES = 32;
const BLOCK_BYTES = 64;
const FIRST_GROUP = 1_024;
const FEW_BYTES = 64;

interface Exports {
  readonly memory: { readonly buffer: ArrayBuffer };
  hash1(at: number, blocks: number, out: number): void;
  hash4(at: number, blocks: number): void;
}

interface Engine {
  readonly Module: new (bytes: Uint8Array<ArrayBuffer>) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

/**
 * SHA-256 in WebAssembly, of four inputs at a time. Inputs are put together in its memory, in groups of four lanes,
 * and their hashes are read from there; both stay until something else is written to the same place.
 */
export class Lanes {
  /** All its memory, of one size for ever. */
  readonly bytes: Uint8Array;
  readonly words: Uint32Array;
  readonly view: DataView;
  readonly #counts: Int32Array;
  readonly #exports: Exports;

  /** @throws Error where the platform has no WebAssembly, does not allow it, or has no vectors of 128 bits */
  constructor(engine: Engine | undefined = platform()) {
    if (!engine) throw new Error("this platform has no WebAssembly");
    const module = new engine.Module(sha256Module());
    this.#exports = new engine.Instance(module).exports as Exports;
    const { buffer } = this.#exports.memory;
    this.bytes = new Uint8Array(buffer);
    this.words = new Uint32Array(buffer);
    this.view = new DataView(buffer);
    this.#counts = new Int32Array(buffer, COUNTS_AT, LANES);
  }

  /** Where a lane of a group begins. There is room for ten groups. */
  at(group: number, lane: number): number {
    return FIRST_GROUP + (group * LANES + lane) * LANE_BYTES;
  }

  /**
   * Hashes many inputs, four at a time, in the lanes of a group.
   * @param write puts an input at a place in the memory and gives its length, at most MAX_INPUT_BYTES, or NOT_HERE
   * @param take is told, in the order of the inputs, where the hash is, or NOT_HERE; it begins at a whole word
   * @param skew bytes of a lane before an input; they are taken from the longest one that fits
   */
  hashAll(
    group: number,
    inputs: number,
    write: (input: number, at: number) => number,
    take: (input: number, hashAt: number) => void,
    skew = 0,
  ): void {
    const counts = this.#counts;
    for (let from = 0; from < inputs; from += LANES) {
      let most = 0;
      for (let lane = 0; lane < LANES; lane += 1) {
        const at = this.at(group, lane) + skew;
        const length = from + lane < inputs ? write(from + lane, at) : NOT_HERE;
        const blocks = length < 0 ? 0 : this.#pad(at, length);
        counts[lane] = blocks;
        if (blocks > most) most = blocks;
      }
      if (most > 0) this.#exports.hash4(this.at(group, 0) + skew, most);
      for (let lane = 0; lane < LANES && from + lane < inputs; lane += 1)
        take(from + lane, counts[lane] === 0 ? NOT_HERE : HASHES_AT + HASH_BYTES * lane);
    }
  }

  /** Hashes one input, and puts its hash where it may be part of the next. */
  hashOne(at: number, length: number, out: number): void {
    this.#exports.hash1(at, this.#pad(at, length), out);
  }

  /** 32 bytes of the memory, for the caller to keep. */
  copyOf(at: number): Uint8Array {
    const hash = new Uint8Array(HASH_BYTES);
    for (let byte = 0; byte < HASH_BYTES; byte += 1) hash[byte] = this.bytes[at + byte] as number;
    return hash;
  }

  /** Puts bytes into the memory; for a few a loop is faster than `set`. */
  write(at: number, bytes: Uint8Array): void {
    const { length } = bytes;
    if (length > FEW_BYTES) this.bytes.set(bytes, at);
    else for (let byte = 0; byte < length; byte += 1) this.bytes[at + byte] = bytes[byte] as number;
  }

  /** Moves 32 bytes, from one whole word to another. */
  move(from: number, to: number): void {
    const { words } = this;
    for (let word = 0; word < HASH_BYTES >> 2; word += 1)
      words[(to >> 2) + word] = words[(from >> 2) + word] as number;
  }

  /** Pads an input, and says how many blocks it has. */
  #pad(at: number, length: number): number {
    const blocks = (length + 8 + BLOCK_BYTES) >>> 6;
    const end = at + BLOCK_BYTES * blocks;
    this.bytes[at + length] = 0x80;
    for (let zero = at + length + 1; zero < end - 4; zero += 1) this.bytes[zero] = 0;
    this.view.setUint32(end - 4, 8 * length);
    return blocks;
  }
}

let shared: Lanes | null | undefined;

/** The lanes of this thread, made when somebody asks for the first time; null where they cannot be. */
export function sharedLanes(): Lanes | null {
  if (shared === undefined) shared = made();
  return shared;
}

/** Lanes, or null where they cannot be: whether they can is only known by trying. */
function made(): Lanes | null {
  try {
    return new Lanes();
  } catch {
    return null;
  }
}

function platform(): Engine | undefined {
  return (globalThis as { WebAssembly?: Engine }).WebAssembly;
}
