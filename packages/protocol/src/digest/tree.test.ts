import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { childrenOf, DigestAccumulator } from "./accumulator.ts";
import { portableSha256 } from "./sha256.ts";
import { entries, entry } from "./testing-support/entries.ts";
import { digestAt, entryHashAt, plainNodes } from "./testing-support/plain.ts";
import { Lanes } from "./wasm/lanes.ts";

const RUNS = 200;
const SLOW_RUNS = 10;
const BUCKETS = 65_536;

describe("The tree", () => {
  it("has, at every level, the nodes that a plain computation gives [DIG-5]", () => {
    fc.assert(
      fc.property(entries, (all) => {
        const accumulator = digestAt(all);
        let levelIndices = [0];
        for (const [level, nodes] of plainNodes(all).entries()) {
          expect(Buffer.compare(accumulator.nodes(level, levelIndices), nodes)).toBe(0);
          levelIndices = childrenOf(levelIndices);
        }
      }),
      { numRuns: SLOW_RUNS },
    );
  });

  it("has the same nodes with lanes and without, also where entries went away [DIG-5]", () => {
    fc.assert(
      fc.property(entries, fc.nat({ max: 40 }), (all, gone) => {
        const both = [new Lanes(), null].map((any) => new DigestAccumulator(portableSha256, any));
        const change = (from: number, isPut: boolean) => {
          for (const { bucket, number } of all.slice(from)) {
            const hash = entryHashAt(number);
            for (const any of both)
              any.update(bucket, isPut ? undefined : hash, isPut ? hash : undefined);
          }
          const [lanes, none] = both.map((any) =>
            [0, 1, 2].map((level) => any.nodes(level, [...Array(16 ** level).keys()])),
          );
          expect(lanes).toEqual(none);
        };
        change(0, true);
        change(gone, false);
      }),
      { numRuns: SLOW_RUNS },
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

  it("is hashed anew only where buckets have changed since it was read [DIG-20]", () => {
    let hashes = 0;
    const accumulator = new DigestAccumulator((input) => {
      hashes += 1;
      return portableSha256(input);
    }, null);
    const hashesOf = (buckets: number[]) => {
      hashes = 0;
      for (const any of buckets) accumulator.update(any, undefined, entryHashAt(any));
      accumulator.root();
      return hashes;
    };
    const all = Array.from({ length: BUCKETS }, (_, any) => any);
    expect(hashesOf(all)).toBe(BUCKETS + 4_096 + 256 + 16 + 1);
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
