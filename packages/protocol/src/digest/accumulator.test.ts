import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DigestAccumulator } from "./accumulator.ts";
import { DigestError } from "./digest-error.ts";
import { bucketOf } from "./hasher.ts";
import { entries, entry } from "./testing-support/entries.ts";
import { digestAt, entryHashAt, plainRoot } from "./testing-support/plain.ts";
import { hasher, hex, VECTOR_CHANGES } from "./testing-support/vectors.ts";

const RUNS = 200;
const ZERO = "00".repeat(32);
const MAX_COUNT = 2 ** 32 - 1;

describe("DigestAccumulator", () => {
  it("gives the published root after each of the published changes [DIG-5, DIG-30]", () => {
    const accumulator = new DigestAccumulator();
    const rows = new Map<string, Uint8Array>();
    expect(hex(accumulator.root())).toBe(ZERO);
    for (const [index, { key, value, schemaVersion, root }] of VECTOR_CHANGES.entries()) {
      const keyHash = hasher.keyHash(key);
      const before = rows.get(hex(key));
      const after =
        value &&
        hasher.entryHash(keyHash, BigInt(index + 1), schemaVersion, hasher.valueHash(value));
      accumulator.update(bucketOf(keyHash), before, after);
      if (after) rows.set(hex(key), after);
      else rows.delete(hex(key));
      if (root !== undefined) expect(hex(accumulator.root())).toBe(root);
    }
    expect(accumulator.count).toBe(2);
  });

  it("gives the root that a plain computation from the live entries gives, whenever it is read [DIG-2, DIG-5]", () => {
    const step = fc.record({ entry: fc.nat(30), read: fc.boolean(), replace: fc.nat(1_000_000) });
    fc.assert(
      fc.property(entries, fc.array(step, { maxLength: 60 }), (all, steps) => {
        const accumulator = digestAt(all);
        const live = new Map(all.map((one, index) => [index, one]));
        for (const { entry: index, read, replace } of steps) {
          const before = live.get(index);
          const home = before?.bucket ?? all[index]?.bucket ?? index;
          const after = before === undefined || replace % 2 === 0 ? replace : undefined;
          accumulator.update(home, hashOf(before?.number), hashOf(after));
          if (after === undefined) live.delete(index);
          else live.set(index, { bucket: home, number: after });
          if (read) expect(hex(accumulator.root())).toBe(hex(plainRoot([...live.values()])));
        }
        expect(hex(accumulator.root())).toBe(hex(plainRoot([...live.values()])));
        expect(accumulator.count).toBe(live.size);
      }),
      { numRuns: RUNS },
    );
  });

  it("gives one root to all orders of inserts and deletes that leave the same entries [DIG-2, DIG-3]", () => {
    const order = fc.array(fc.nat(1_000), { minLength: 80, maxLength: 80 });
    fc.assert(
      fc.property(entries, entries, order, (kept, gone, ranks) => {
        const passing = gone.map((one) => ({ ...one, number: one.number + 2_000_000 }));
        const accumulator = new DigestAccumulator();
        for (const one of shuffled([...kept, ...passing], ranks))
          accumulator.update(one.bucket, undefined, entryHashAt(one.number));
        for (const one of shuffled(passing, ranks))
          accumulator.update(one.bucket, entryHashAt(one.number), undefined);
        expect(hex(accumulator.root())).toBe(hex(digestAt(kept).root()));
        expect(accumulator.toBytes()).toEqual(digestAt(kept).toBytes());
      }),
      { numRuns: RUNS },
    );
  });

  it("takes a replacement as a delete and an insert [DIG-2, DIG-3]", () => {
    fc.assert(
      fc.property(entries, entry, fc.nat(1_000_000), (others, replaced, number) => {
        const [once, twice] = [digestAt([...others, replaced]), digestAt([...others, replaced])];
        once.update(replaced.bucket, entryHashAt(replaced.number), entryHashAt(number));
        twice.update(replaced.bucket, entryHashAt(replaced.number), undefined);
        twice.update(replaced.bucket, undefined, entryHashAt(number));
        expect(hex(once.root())).toBe(hex(twice.root()));
        expect(once.count).toBe(twice.count);
      }),
      { numRuns: RUNS },
    );
  });

  it("stays as it is when a delete finds no key, or a control entry comes [DIG-10]", () => {
    // As many as fit before any of its arrays grows.
    const full = Array.from({ length: 16 }, (_, group) => ({ bucket: 16 * group, number: group }));
    const accumulator = digestAt(full);
    const [root, bytes, size] = [accumulator.root(), accumulator.toBytes(), accumulator.byteLength];
    for (const any of [0, 1, 256]) accumulator.update(any, undefined, undefined);
    expect(accumulator.root()).toEqual(root);
    expect(accumulator.toBytes()).toEqual(bytes);
    expect([accumulator.count, accumulator.byteLength]).toEqual([16, size]);
  });

  it("tells the same set in two buckets apart, and two keys from none", () => {
    const roots = [
      digestAt([{ bucket: 3, number: 1 }]),
      digestAt([{ bucket: 4, number: 1 }]),
      digestAt([
        { bucket: 3, number: 1 },
        { bucket: 3, number: 1 },
      ]),
      digestAt([]),
    ].map((accumulator) => hex(accumulator.root()));
    expect(new Set(roots).size).toBe(roots.length);
  });
});

describe("A bucket", () => {
  it("without keys gives up none, and the error names it [DIG-4]", () => {
    const emptied = digestAt([{ bucket: 53_926, number: 1 }]);
    emptied.update(53_926, entryHashAt(1), undefined);
    for (const accumulator of [new DigestAccumulator(), emptied]) {
      for (const after of [undefined, entryHashAt(2)]) {
        expectRefusal(accumulator, 53_926, () => accumulator.update(53_926, entryHashAt(1), after));
      }
    }
  });

  it("with one key gives up no other, since its sum would outlast it [DIG-4]", () => {
    const accumulator = digestAt([{ bucket: 9, number: 1 }]);
    for (const after of [undefined, entryHashAt(2)]) {
      expectRefusal(accumulator, 9, () => accumulator.update(9, entryHashAt(3), after));
    }
  });

  it("is all zero after its last key has gone [DIG-5]", () => {
    const accumulator = digestAt([{ bucket: 9, number: 1 }]);
    expect(hex(accumulator.root())).not.toBe(ZERO);
    accumulator.update(9, entryHashAt(1), undefined);
    expect(hex(accumulator.root())).toBe(ZERO);
    expect(accumulator.bucket(9)).toEqual({ count: 0, sum: new Uint8Array(32) });
  });

  it("holds at most 2^32 - 1 keys", () => {
    const accumulator = new DigestAccumulator();
    accumulator.setBucket(9, { count: MAX_COUNT, sum: entryHashAt(1) });
    expectRefusal(accumulator, 9, () => accumulator.update(9, undefined, entryHashAt(2)));
    accumulator.update(9, entryHashAt(3), entryHashAt(4));
    expect(accumulator.count).toBe(MAX_COUNT);
  });

  it("is put back with what it held, over whatever it holds", () => {
    fc.assert(
      fc.property(entries, entries, (one, other) => {
        const [source, target] = [digestAt(one), digestAt(other)];
        target.root();
        for (const { bucket: any } of [...one, ...other]) target.setBucket(any, source.bucket(any));
        expect(hex(target.root())).toBe(hex(source.root()));
        expect(target.count).toBe(source.count);
      }),
      { numRuns: RUNS },
    );
  });

  it("is not put back without keys and yet with a sum [DIG-4]", () => {
    const accumulator = new DigestAccumulator();
    expectRefusal(accumulator, 9, () =>
      accumulator.setBucket(9, { count: 0, sum: entryHashAt(1) }),
    );
  });

  it.each([-1, 65_536, 1.5, Number.NaN])("has no number %s", (number) => {
    const accumulator = new DigestAccumulator();
    expect(() => accumulator.update(number, undefined, entryHashAt(1))).toThrow(RangeError);
    expect(() => accumulator.bucket(number)).toThrow(RangeError);
    expect(() => accumulator.setBucket(number, accumulator.bucket(0))).toThrow(RangeError);
  });

  it.each([0, 31, 33])("takes no hash of %i bytes", (length) => {
    const accumulator = digestAt([{ bucket: 9, number: 1 }]);
    const odd = new Uint8Array(length);
    expect(() => accumulator.update(9, odd, undefined)).toThrow(RangeError);
    expect(() => accumulator.update(9, entryHashAt(1), odd)).toThrow(RangeError);
    expect(() => accumulator.setBucket(9, { count: 1, sum: odd })).toThrow(RangeError);
  });
});

function expectRefusal(accumulator: DigestAccumulator, bucket: number, act: () => void): void {
  const [bytes, root, count] = [accumulator.toBytes(), accumulator.root(), accumulator.count];
  let error: unknown;
  try {
    act();
  } catch (thrown) {
    error = thrown;
  }
  expect(error).toBeInstanceOf(DigestError);
  expect(error).toMatchObject({ bucket, message: expect.stringContaining(`bucket ${bucket} `) });
  expect([accumulator.toBytes(), accumulator.root(), accumulator.count]).toEqual([
    bytes,
    root,
    count,
  ]);
}

function hashOf(number: number | undefined): Uint8Array | undefined {
  return number === undefined ? undefined : entryHashAt(number);
}

function shuffled<T>(items: T[], ranks: number[]): T[] {
  return items
    .map((item, index) => ({ item, rank: ranks[index] ?? index }))
    .sort((left, right) => left.rank - right.rank)
    .map(({ item }) => item);
}
