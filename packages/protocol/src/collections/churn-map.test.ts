import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type ChurnKey, ChurnMap } from "./churn-map.ts";
import { hashOf } from "./hash.ts";

const key: fc.Arbitrary<ChurnKey> = fc.oneof(
  fc.bigInt(0n, 40n),
  fc.bigInt(2n ** 62n, 2n ** 62n + 40n),
  fc.integer({ min: -20, max: 20 }),
  fc.string({ maxLength: 2 }),
);
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant("set"), key, value: fc.nat() }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("delete"), key, value: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("deleteFirst"), key, value: fc.nat() }) },
);

function newMap(entries: Iterable<[ChurnKey, number]>): ChurnMap<ChurnKey, number> {
  const map = new ChurnMap<ChurnKey, number>();
  for (const [each, value] of entries) map.set(each, value);
  return map;
}

describe("a churn map", () => {
  test("does what the engine's own map does, in the same order", () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const [ours, theirs] = [new ChurnMap<ChurnKey, number>(), new Map<ChurnKey, number>()];
        for (const { kind, key: given, value } of steps) {
          const chosen = kind === "deleteFirst" ? (theirs.keys().next().value ?? given) : given;
          if (kind === "set") {
            ours.set(chosen, value);
            theirs.set(chosen, value);
          } else {
            expect(ours.delete(chosen)).toBe(theirs.delete(chosen));
          }
          expect([ours.size, ours.get(given), ours.has(given)]).toEqual([
            theirs.size,
            theirs.get(given),
            theirs.has(given),
          ]);
          expect(ours.oldest).toBe(theirs.keys().next().value);
        }
        expect([...ours]).toEqual([...theirs]);
        expect([...ours.keys()]).toEqual([...theirs.keys()]);
        expect([...ours.values()]).toEqual([...theirs.values()]);
      }),
    );
  });

  test("grows to many entries and loses them again", () => {
    const map = new ChurnMap<bigint, bigint>();
    const count = 20_000n;
    for (let id = 0n; id < count; id++) map.set(3n * id, id);
    expect(map.size).toBe(Number(count));
    for (let id = 0n; id < count; id++) {
      expect(map.get(3n * id)).toBe(id);
      expect(map.delete(3n * id)).toBe(true);
    }
    expect([map.size, [...map]]).toEqual([0, []]);
  });

  test("is empty when everything is taken out, and may be used on", () => {
    const map = newMap([["a", 1]]);
    map.clear();
    expect([map.size, map.get("a"), [...map]]).toEqual([0, undefined, []]);
    expect([...map.set("b", 2)]).toEqual([["b", 2]]);
  });

  test("lets the entry just given be taken out, and gives what was added meanwhile", () => {
    const map = newMap([
      ["a", 1],
      ["b", 2],
    ]);
    const seen: ChurnKey[] = [];
    for (const given of map.keys()) {
      seen.push(given);
      map.delete(given);
      if (given === "b") map.set("c", 3);
    }
    expect(seen).toEqual(["a", "b"]);
    const added: ChurnKey[] = [];
    for (const given of map.keys()) {
      added.push(given);
      if (given === "c") map.set("d", 4);
    }
    expect(added).toEqual(["c", "d"]);
  });

  test("notices that the next entry was taken out while it was walked", () => {
    const map = newMap([
      ["a", 1],
      ["b", 2],
    ]);
    const walk = () => {
      for (const given of map.keys())
        if (given === "a") for (const each of ["a", "b"]) map.delete(each);
    };
    expect(walk).toThrow(RangeError);
  });

  test("goes on behind an entry that was taken out and put in again while it was given", () => {
    const map = newMap([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    const seen: ChurnKey[] = [];
    for (const given of map.keys()) {
      seen.push(given);
      if (given === "a" && map.delete("a")) map.set("a", 4);
      if (seen.length > 3) break;
    }
    expect(seen).toEqual(["a", "b", "c", "a"]);
  });

  test("notices that an entry was taken out and its place used again while it was walked", () => {
    const map = newMap([
      ["a", 1],
      ["b", 2],
      ["c", 3],
    ]);
    const walk = () => {
      for (const given of map.keys()) if (given === "a" && map.delete("b")) map.set("d", 4);
    };
    expect(walk).toThrow(RangeError);
  });

  test("spreads numbers and texts that differ little", () => {
    const texts = Array.from({ length: 4_096 }, (_, n) => `orders/${n}`);
    const numbers = Array.from({ length: 4_096 }, (_, n) => BigInt(n) * 4_096n);
    const large = Array.from({ length: 4_096 }, (_, n) => 2n ** 63n + BigInt(n));
    for (const keys of [texts, numbers, large]) {
      const places = new Set(keys.map((each) => hashOf(each) & 4_095));
      // Drawn by chance, 63 % of the places would be taken.
      expect(places.size).toBeGreaterThan(2_300);
    }
  });
});
