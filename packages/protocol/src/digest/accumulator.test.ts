import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { childrenOf, DigestAccumulator } from "./accumulator.ts";
import { DigestError } from "./digest-error.ts";
import { bucketOf } from "./hasher.ts";
import { portableSha256 } from "./sha256.ts";
import { digestAt, entryHashAt, plainNodes, plainRoot } from "./testing-support/plain.ts";
import { hasher, hex, VECTOR_CHANGES } from "./testing-support/vectors.ts";

const RUNS = 200;
const ZERO = "00".repeat(32);
const MAX_COUNT = 2 ** 32 - 1;

// Few buckets, some in one group, so that keys meet in all ways.
const bucket = fc.constantFrom<number[]>(
  0,
  1,
  15,
  16,
  255,
  256,
  4_095,
  4_096,
  53_926,
  65_534,
  65_535,
);
const entry = fc.record({ bucket, number: fc.nat(1_000_000) });
const entries = fc.uniqueArray(entry, {
  maxLength: 40,
  selector: ({ number }) => number,
});

describe("DigestAccumulator", () => {
  it("gives the published root after each of the published changes", () => {
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

  it("gives the root that a plain computation from the live entries gives, whenever it is read", () => {
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

  it("gives one root to all orders of inserts and deletes that leave the same entries", () => {
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

  it("takes a replacement as a delete and an insert", () => {
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

  it("stays as it is when a delete finds no key, or a control entry comes", () => {
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
  it("without keys gives up none, and the error names it", () => {
    const emptied = digestAt([{ bucket: 53_926, number: 1 }]);
    emptied.update(53_926, entryHashAt(1), undefined);
    for (const accumulator of [new DigestAccumulator(), emptied]) {
      for (const after of [undefined, entryHashAt(2)]) {
        expectRefusal(accumulator, 53_926, () => accumulator.update(53_926, entryHashAt(1), after));
      }
    }
  });

  it("with one key gives up no other, since its sum would outlast it", () => {
    const accumulator = digestAt([{ bucket: 9, number: 1 }]);
    for (const after of [undefined, entryHashAt(2)]) {
      expectRefusal(accumulator, 9, () => accumulator.update(9, entryHashAt(3), after));
    }
  });

  it("is all zero after its last key has gone", () => {
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

  it("is not put back without keys and yet with a sum", () => {
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

describe("The tree", () => {
  it("has, at every level, the nodes that a plain computation gives", () => {
    fc.assert(
      fc.property(entries, (all) => {
        const accumulator = digestAt(all);
        let levelIndices = [0];
        for (const [level, nodes] of plainNodes(all).entries()) {
          expect(Buffer.compare(accumulator.nodes(level, levelIndices), nodes)).toBe(0);
          levelIndices = childrenOf(levelIndices);
        }
      }),
      { numRuns: 10 },
    );
  });

  it("leads from the root in two steps to the buckets that differ", () => {
    fc.assert(
      fc.property(entries, fc.uniqueArray(entry, { maxLength: 5 }), (all, drifted) => {
        const [ours, theirs] = [digestAt(all), digestAt([...all, ...drifted])];
        const differing = (level: number, indices: number[]) =>
          ours.differingNodes(level, indices, theirs.nodes(level, indices));
        const middle = differing(2, childrenOf(childrenOf([0])));
        const buckets = differing(4, childrenOf(childrenOf(middle)));
        const expected = new Set(drifted.map(({ bucket: any }) => any));
        expect(buckets).toEqual([...expected].sort((left, right) => left - right));
      }),
      { numRuns: RUNS },
    );
  });

  it("is hashed anew only where buckets have changed since it was read", () => {
    let hashes = 0;
    const accumulator = new DigestAccumulator((input) => {
      hashes += 1;
      return portableSha256(input);
    });
    const hashesOf = (buckets: number[]) => {
      hashes = 0;
      for (const any of buckets) accumulator.update(any, undefined, entryHashAt(any));
      accumulator.root();
      return hashes;
    };
    const all = Array.from({ length: 65_536 }, (_, any) => any);
    expect(hashesOf(all)).toBe(65_536 + 4_096 + 256 + 16 + 1);
    expect(hashesOf([])).toBe(0);
    expect(hashesOf([7])).toBe(5);
    expect(hashesOf([7, 7, 8])).toBe(6);
    expect(hashesOf([7, 65_535])).toBe(9);
  });

  it("gives nodes in the order asked for", () => {
    const accumulator = digestAt([{ bucket: 7, number: 1 }]);
    const [full, empty] = [accumulator.nodes(4, [7]), accumulator.nodes(4, [3])];
    expect(accumulator.nodes(4, [7, 3, 7])).toEqual(Uint8Array.from([...full, ...empty, ...full]));
    expect(accumulator.nodes(4, [])).toEqual(new Uint8Array());
  });

  it.each([
    [5, [0]],
    [-1, [0]],
    [0, [1]],
    [1, [0, 16]],
    [4, [65_535, 65_536]],
    [4, [-1]],
  ])("has no level %i with the nodes %j", (level, indices) => {
    expect(() => new DigestAccumulator().nodes(level, indices)).toThrow(RangeError);
  });

  it.each([0, 31, 33, 64])("is not compared, for one node, with %i bytes", (length) => {
    const accumulator = new DigestAccumulator();
    expect(() => accumulator.differingNodes(4, [7], new Uint8Array(length))).toThrow(RangeError);
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
