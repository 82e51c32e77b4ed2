import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { SmallMap } from "./small-map.ts";

const RUNS = 500;

const actions = fc.array(
  fc.oneof(
    { weight: 4, arbitrary: fc.record({ set: fc.bigInt(1n, 4n) }) },
    { weight: 4, arbitrary: fc.record({ delete: fc.bigInt(1n, 4n) }) },
    { weight: 1, arbitrary: fc.constant("clear" as const) },
  ),
  { maxLength: 40 },
);

describe("SmallMap", () => {
  it("is a map, whether it has no entry, one or many", () => {
    fc.assert(
      fc.property(actions, (run) => {
        const small = new SmallMap<bigint, number>();
        const naive = new Map<bigint, number>();
        run.forEach((action, at) => {
          if (action === "clear") {
            small.clear();
            naive.clear();
          } else if ("set" in action) {
            small.set(action.set, at);
            naive.set(action.set, at);
          } else {
            expect(small.delete(action.delete)).toBe(naive.delete(action.delete));
          }
          expect(small.oldest).toBe(naive.keys().next().value);
          expect([...small]).toEqual([...naive]);
          expect([...small.keys()]).toEqual([...naive.keys()]);
          expect([...small.values()]).toEqual([...naive.values()]);
          expect(small.size).toBe(naive.size);
          for (let key = 1n; key <= 4n; key++) {
            expect(small.get(key)).toBe(naive.get(key));
            expect(small.has(key)).toBe(naive.has(key));
          }
        });
      }),
      { numRuns: RUNS },
    );
  });

  it("lets what a loop has come to be taken out, as a map does", () => {
    for (const keys of [[1], [1, 2, 3]]) {
      const small = new SmallMap<number, string>();
      for (const key of keys) small.set(key, "there");
      const met: number[] = [];
      for (const key of small.keys()) {
        met.push(key);
        small.delete(key);
      }
      expect(met).toEqual(keys);
      expect(small.size).toBe(0);
    }
  });
});
