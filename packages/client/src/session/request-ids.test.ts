import { describe, expect, test } from "vitest";
import { ANSWERED_RANGES_MAX, RequestIds } from "./request-ids.ts";

function answered(ids: RequestIds): bigint[][] {
  return ids.answered().map(({ first, last }) => [first, last]);
}

describe("request ids", () => {
  test("rise by one from 1 [GEN-60]", () => {
    const ids = new RequestIds();
    expect([ids.next(), ids.next(), ids.next()]).toEqual([1n, 2n, 3n]);
  });

  test("are reported as few ranges, whatever the order of the answers [GEN-65]", () => {
    const ids = new RequestIds();
    for (const id of [3n, 1n, 5n, 9n]) ids.answer(id);
    expect(answered(ids)).toEqual([
      [1n, 1n],
      [3n, 3n],
      [5n, 5n],
      [9n, 9n],
    ]);
    ids.answer(4n);
    ids.answer(8n);
    expect(answered(ids)).toEqual([
      [1n, 1n],
      [3n, 5n],
      [8n, 9n],
    ]);
    for (const id of [2n, 6n, 7n, 10n]) ids.answer(id);
    expect(answered(ids)).toEqual([[1n, 10n]]);
  });

  test("answered again change nothing", () => {
    const ids = new RequestIds();
    for (const id of [2n, 3n, 4n, 3n, 2n, 4n]) ids.answer(id);
    expect(answered(ids)).toEqual([[2n, 4n]]);
  });

  test("agree with a set, for every order of answers [GEN-65]", () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31;
      return seed;
    };
    for (let round = 0; round < 200; round++) {
      const ids = new RequestIds();
      const set = new Set<bigint>();
      for (let i = 0; i < 30; i++) {
        const id = BigInt((random() % 40) + 1);
        ids.answer(id);
        set.add(id);
      }
      const listed = ids.answered().flatMap(({ first, last }) => {
        return Array.from({ length: Number(last - first) + 1 }, (_, i) => first + BigInt(i));
      });
      expect(listed).toEqual([...set].sort((a, b) => Number(a - b)));
    }
  });

  test("fill no more ranges than a request may carry", () => {
    const ids = new RequestIds();
    for (let i = 0; i < ANSWERED_RANGES_MAX + 10; i++) ids.answer(BigInt(2 * i + 1));
    expect(ids.answered()).toHaveLength(ANSWERED_RANGES_MAX);
    expect(ids.answered()[0]?.first).toBe(1n);
  });
});
