import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DigestAccumulator } from "./accumulator.ts";
import { digestAt, entryHashAt } from "./testing-support/plain.ts";

const RUNS = 200;
const RECORD_BYTES = 42;
const entry = fc.record({ bucket: fc.nat(65_535), number: fc.nat(1_000_000) });

describe("The bytes of a digest", () => {
  it("give back the same root, count and bytes, and an accumulator that goes on like the first", () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 60 }), entry, (entries, more) => {
        const first = digestAt(entries);
        const again = DigestAccumulator.fromBytes(first.toBytes());
        expect(again.root()).toEqual(first.root());
        expect(again.count).toBe(first.count);
        expect(again.toBytes()).toEqual(first.toBytes());
        for (const one of [first, again])
          one.update(more.bucket, undefined, entryHashAt(more.number));
        expect(again.root()).toEqual(first.root());
      }),
      { numRuns: RUNS },
    );
  });

  it("are the same in whatever order the buckets came into use, and leave out emptied ones", () => {
    const one = { bucket: 7, number: 1 };
    const two = { bucket: 60_000, number: 2 };
    const emptied = digestAt([{ bucket: 9, number: 3 }, two, one]);
    emptied.update(9, entryHashAt(3), undefined);
    expect(emptied.toBytes()).toEqual(digestAt([one, two]).toBytes());
    expect(emptied.toBytes().length).toBe(1 + 2 * RECORD_BYTES);
  });

  it("are the format, the bucket, the count and the sum", () => {
    const hash = entryHashAt(1);
    const bytes = digestAt([{ bucket: 0xabcd, number: 1 }]).toBytes();
    expect([...bytes]).toEqual([1, 0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 1, ...hash]);
  });

  it("bring back a count of 2^32 - 1, and are read in the middle of a buffer", () => {
    const accumulator = new DigestAccumulator();
    accumulator.setBucket(5, { count: 2 ** 32 - 1, sum: entryHashAt(1) });
    const bytes = accumulator.toBytes();
    const buffer = new Uint8Array(bytes.length + 8).fill(0xff);
    buffer.set(bytes, 3);
    const again = DigestAccumulator.fromBytes(buffer.subarray(3, 3 + bytes.length));
    expect(again.bucket(5)).toEqual(accumulator.bucket(5));
  });

  const bytes = digestAt([
    { bucket: 7, number: 1 },
    { bucket: 8, number: 2 },
  ]).toBytes();
  const [format, first, second] = [
    bytes.subarray(0, 1),
    bytes.subarray(1, 1 + RECORD_BYTES),
    bytes.subarray(1 + RECORD_BYTES),
  ];
  it.each([
    ["nothing", [], /format undefined is not known/],
    ["a later format", [Uint8Array.of(2), first], /format 2 is not known/],
    ["a cut record", [format, first.subarray(0, -1)], /middle of a bucket, at byte 42/],
    ["a bucket twice", [format, first, first], /bucket 7 after 7/],
    ["buckets out of order", [format, second, first], /bucket 7 after 8/],
    ["a count of 0", [format, withByte(first, 9, 0)], /count in bucket 7/],
    ["a count of 2^32 and more", [format, withByte(first, 5, 1)], /count in bucket 7/],
  ])("are refused when they are %s", (_, parts, problem) => {
    const damaged = Buffer.concat(parts);
    expect(() => DigestAccumulator.fromBytes(damaged)).toThrow(TypeError);
    expect(() => DigestAccumulator.fromBytes(damaged)).toThrow(problem);
  });
});

function withByte(bytes: Uint8Array, at: number, value: number): Uint8Array {
  return bytes.map((byte, index) => (index === at ? value : byte));
}
