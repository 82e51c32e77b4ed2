import type { RowWrite } from "@lockstep/core";
import { expect, test } from "vitest";
import { bytesOf, hash, row } from "../../journal/test-rows.ts";
import { RecentHeads } from "./recent-heads.ts";

const put = (datasetId: bigint, key: string, seq: bigint): RowWrite => ({
  datasetId,
  kind: "put",
  row: row(key, seq),
});
const remove = (datasetId: bigint, key: string): RowWrite => ({
  datasetId,
  kind: "delete",
  key: bytesOf(key),
});

test("of each row the last that was decided is known, and nothing of others", () => {
  const heads = new RecentHeads();
  for (const write of [put(1n, "a", 1n), put(1n, "a", 2n), put(1n, "b", 3n), remove(1n, "b")])
    heads.decided(write);
  const { value } = row("a", 2n);
  const known = { seq: 2n, entryHash: hash(2n), bytes: 1 + value.length };
  expect(heads.head(1n, bytesOf("a"))).toEqual(known);
  expect(heads.head(1n, bytesOf("b"))).toBeUndefined();
  expect([heads.has(1n, bytesOf("a")), heads.has(1n, bytesOf("b"))]).toEqual([true, true]);
  for (const [id, key] of [
    [1n, "c"],
    [1n, ""],
    [1n, "aa"],
    [2n, "a"],
  ] as const) {
    expect(heads.head(id, bytesOf(key))).toBe("unknown");
    expect(heads.has(id, bytesOf(key))).toBe(false);
  }
});

test("a head that was given stays as it was when its slot is used again", () => {
  const heads = new RecentHeads();
  heads.decided(put(1n, "a", 1n));
  const head = heads.head(1n, bytesOf("a"));
  heads.decided(put(1n, "a", 2n));
  expect(head).toMatchObject({ seq: 1n, entryHash: hash(1n) });
});

test("far fewer keys than there is room for are all known, or nearly", () => {
  const heads = new RecentHeads();
  const count = 65_536;
  for (let n = 0; n < count; n += 1) heads.decided(put(1n, `key/${n}`, BigInt(n)));
  let known = 0;
  for (let n = 0; n < count; n += 1) if (heads.has(1n, bytesOf(`key/${n}`))) known += 1;
  expect(known).toBeGreaterThan(0.999 * count);
});

test("of more keys than there is room for the latest are known, and none is taken for another", () => {
  const heads = new RecentHeads();
  const count = 400_000;
  for (let n = 0; n < count; n += 1) heads.decided(put(1n, `key/${n}`, BigInt(n)));
  let early = 0;
  let late = 0;
  for (let n = 0; n < count; n += 1) {
    const head = heads.head(1n, bytesOf(`key/${n}`));
    if (head === "unknown") continue;
    if (n < count / 2) early += 1;
    else late += 1;
    if (head?.seq !== BigInt(n)) expect(head).toMatchObject({ seq: BigInt(n) });
  }
  expect(early + late).toBeLessThanOrEqual(262_144);
  expect(late).toBeGreaterThan(0.9 * (count / 2));
  expect(early).toBeLessThan(late / 2);
  expect(heads.head(1n, bytesOf(`key/${count - 1}`))).toMatchObject({ seq: BigInt(count - 1) });
});

test("nothing is known of a key that is too long for a slot", () => {
  const heads = new RecentHeads();
  const longest = "k".repeat(48);
  for (const key of ["", longest, `${longest}k`]) heads.decided(put(1n, key, 1n));
  heads.absent(1n, bytesOf(`${longest}kk`));
  const has = ["", longest, `${longest}k`, `${longest}kk`].map((key) =>
    heads.has(1n, bytesOf(key)),
  );
  expect(has).toEqual([true, true, false, false]);
});
