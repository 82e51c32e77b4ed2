import { expect, test } from "vitest";
import { bytesOf } from "../../journal/test-rows.ts";
import { WrittenKeys } from "./written-keys.ts";

test("no key that was written is taken for a new one, and few new ones for written", () => {
  const keys = new WrittenKeys();
  for (const id of [1n, 2n]) keys.begin(id);
  const count = 200_000;
  for (let n = 0; n < count; n += 1) keys.add(BigInt(1 + (n % 2)), bytesOf(`key/${n}`));
  let wrong = 0;
  for (let n = 0; n < count; n += 1) {
    if (!keys.mayHave(BigInt(1 + (n % 2)), bytesOf(`key/${n}`))) wrong += 1;
  }
  expect(wrong).toBe(0);
  let taken = 0;
  for (let n = 0; n < count; n += 1) if (keys.mayHave(1n, bytesOf(`new/${n}`))) taken += 1;
  expect(taken).toBeLessThan(20);
});

test("of a dataset that it was not given from its first key, or that is gone, nothing is known", () => {
  const keys = new WrittenKeys();
  expect(keys.mayHave(1n, bytesOf("a"))).toBe(true);
  keys.begin(1n);
  expect(keys.mayHave(1n, bytesOf("a"))).toBe(false);
  expect(keys.mayHave(2n, bytesOf("a"))).toBe(true);
  keys.end(1n);
  expect(keys.mayHave(1n, bytesOf("a"))).toBe(true);
});
