import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { addHash, equalsHash, SUM_WORDS, subtractHash, writeSum } from "./sum.ts";

const RUNS = 1_000;
const MODULUS = 2n ** 256n;

// Carries that run through many words need bytes of 0x00 and 0xff.
const byte = fc.oneof(fc.constantFrom(0x00, 0xff), fc.nat(255));
const hash = fc
  .array(byte, { minLength: 32, maxLength: 32 })
  .map((bytes) => Uint8Array.from(bytes));
const steps = fc.array(fc.record({ add: fc.boolean(), hash }), { maxLength: 20 });

describe("A sum of hashes", () => {
  it("is that of little-endian integers modulo 2^256, and leaves its neighbours alone [DIG-3]", () => {
    fc.assert(
      fc.property(steps, (run) => {
        const words = new Uint32Array(3 * SUM_WORDS).fill(0xabcdef01);
        words.fill(0, SUM_WORDS, 2 * SUM_WORDS);
        let expected = 0n;
        for (const step of run) {
          const change = step.add ? addHash : subtractHash;
          change(words, SUM_WORDS, step.hash);
          const number = toNumber(step.hash);
          expected = BigInt.asUintN(256, step.add ? expected + number : expected - number);
          expect(toNumber(sumAt(words, SUM_WORDS))).toBe(expected);
        }
        const neighbours = [...words.subarray(0, SUM_WORDS), ...words.subarray(2 * SUM_WORDS)];
        expect(new Set(neighbours)).toEqual(new Set([0xabcdef01]));
      }),
      { numRuns: RUNS },
    );
  });

  it.each([
    ["carries through all words", [MODULUS - 1n, 1n], 0n],
    ["carries out of one word into the next", [2n ** 32n - 1n, 1n], 2n ** 32n],
    ["begins with the least byte", [1n], 1n],
  ])("%s", (_, numbers, expected) => {
    const words = new Uint32Array(SUM_WORDS);
    for (const number of numbers) addHash(words, 0, toHash(number));
    expect(toNumber(sumAt(words, 0))).toBe(expected);
  });

  it("equals the one hash it consists of, and no other", () => {
    fc.assert(
      fc.property(hash, fc.nat(31), fc.integer({ min: 1, max: 255 }), (one, at, flip) => {
        const words = new Uint32Array(SUM_WORDS);
        addHash(words, 0, one);
        expect(equalsHash(words, 0, one)).toBe(true);
        const other = one.map((value, index) => (index === at ? value ^ flip : value));
        expect(equalsHash(words, 0, other)).toBe(false);
      }),
      { numRuns: RUNS },
    );
  });
});

function sumAt(words: Uint32Array, at: number): Uint8Array {
  const bytes = new Uint8Array(34);
  writeSum(words, at, bytes, 1);
  expect([bytes[0], bytes[33]]).toEqual([0, 0]);
  return bytes.subarray(1, 33);
}

function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduceRight((number, value) => number * 256n + BigInt(value), 0n);
}

function toHash(number: bigint): Uint8Array {
  return Uint8Array.from({ length: 32 }, (_, index) =>
    Number((number >> BigInt(8 * index)) & 255n),
  );
}
