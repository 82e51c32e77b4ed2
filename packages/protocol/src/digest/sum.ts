/** 32-bit words of a sum. */
export const SUM_WORDS = 8;

const WORD = 2 ** 32;

/** Adds a hash, as a little-endian integer, to the sum that starts at word `at`, modulo 2^256. */
export function addHash(words: Uint32Array, at: number, hash: Uint8Array): void {
  let carry = 0;
  for (let word = 0; word < SUM_WORDS; word += 1) {
    const total = wordAt(words, at + word) + littleEndian(hash, 4 * word) + carry;
    words[at + word] = total;
    carry = total >= WORD ? 1 : 0;
  }
}

/** Takes a hash, as a little-endian integer, from the sum that starts at word `at`, modulo 2^256. */
export function subtractHash(words: Uint32Array, at: number, hash: Uint8Array): void {
  let borrow = 0;
  for (let word = 0; word < SUM_WORDS; word += 1) {
    const rest = wordAt(words, at + word) - littleEndian(hash, 4 * word) - borrow;
    words[at + word] = rest;
    borrow = rest < 0 ? 1 : 0;
  }
}

/** Whether the sum that starts at word `at` is exactly this hash. */
export function equalsHash(words: Uint32Array, at: number, hash: Uint8Array): boolean {
  for (let word = 0; word < SUM_WORDS; word += 1) {
    if (wordAt(words, at + word) !== littleEndian(hash, 4 * word)) return false;
  }
  return true;
}

/** Writes the sum that starts at word `at` as 32 bytes, little-endian. */
export function writeSum(words: Uint32Array, at: number, target: Uint8Array, offset: number): void {
  for (let word = 0; word < SUM_WORDS; word += 1) {
    const value = wordAt(words, at + word);
    const to = offset + 4 * word;
    target[to] = value;
    target[to + 1] = value >>> 8;
    target[to + 2] = value >>> 16;
    target[to + 3] = value >>> 24;
  }
}

function wordAt(words: Uint32Array, at: number): number {
  return words[at] as number;
}

function littleEndian(bytes: Uint8Array, at: number): number {
  const low = byteAt(bytes, at) | (byteAt(bytes, at + 1) << 8) | (byteAt(bytes, at + 2) << 16);
  return low + byteAt(bytes, at + 3) * 2 ** 24;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}
