import type { RowWrite, StoredRow } from "@lockstep/core";
import { expect, test } from "vitest";
import type { Damage, StoredBucket } from "../../journal/tables.ts";
import { Overlay } from "./overlay.ts";
import { RecentHeads } from "./recent-heads.ts";
import { ReadRows } from "./row-facts.ts";
import { WrittenKeys } from "./written-keys.ts";

const DATASET_ID = 7n;
const bytes = (text: string) => new Uint8Array(Buffer.from(text));

function row(key: string, bucket: number, value: string): StoredRow {
  const entryHash = new Uint8Array(32);
  return { key: bytes(key), value: bytes(value), bucket, entryHash, seq: 1n, schemaVersion: 0 };
}

const put = (key: string, bucket: number, value: string): RowWrite => ({
  kind: "put",
  datasetId: DATASET_ID,
  row: row(key, bucket, value),
});

/** An overlay that counts how often all of its rows are looked through. */
class CountedOverlay extends Overlay {
  walks = 0;

  override rows(datasetId: bigint) {
    const rows = super.rows(datasetId);
    const walk = () => {
      this.walks += 1;
      return rows[Symbol.iterator]();
    };
    return { size: rows.size, has: (key: string) => rows.has(key), [Symbol.iterator]: walk };
  }
}

function readOf(overlay: Overlay, buckets: readonly StoredBucket[]): ReadRows {
  const asked = buckets.map(({ bucket }) => bucket);
  const read = { datasetId: DATASET_ID, kind: "buckets", buckets: asked, maxBytes: 1_000 } as const;
  const named = { datasetId: DATASET_ID, datasetName: "d", reads: [read] };
  return new ReadRows(named, [{ buckets }], {
    overlay,
    heads: new RecentHeads(),
    recordKeys: new WrittenKeys(),
  });
}

const told = (rows: readonly (StoredRow | Damage)[] | undefined) =>
  rows?.map((each) =>
    "damaged" in each ? "damaged" : `${Buffer.from(each.key)}=${Buffer.from(each.value)}`,
  );

test("a bucket has what was read of it and what was decided since, by key", () => {
  const overlay = new Overlay();
  overlay.add(1n, [
    put("b", 1, "new"),
    { kind: "delete", datasetId: DATASET_ID, key: bytes("c"), bucket: 1 } as RowWrite,
    put("ab", 1, "added"),
    put("x", 2, "elsewhere"),
  ]);
  const damagedAt = (key: string): Damage => ({
    damaged: { bucket: 1, key: bytes(key), problem: "hash" } as never,
  });
  const stored = [row("a", 1, "1"), row("b", 1, "2"), row("c", 1, "3")];
  const rows = readOf(overlay, [
    { bucket: 1, rows: [...stored, damagedAt("b"), damagedAt("d")] },
    { bucket: 2, rows: [] },
  ]);
  expect(told(rows.bucket(1))).toEqual(["damaged", "a=1", "ab=added", "b=new"]);
  expect(told(rows.bucket(2))).toEqual(["x=elsewhere"]);
  expect(rows.bucket(3)).toBeUndefined();
});

test("what was decided is looked through once, however many buckets are asked for", () => {
  const overlay = new CountedOverlay();
  overlay.add(1n, [put("a", 5, "1"), put("b", 9, "2")]);
  const buckets = Array.from({ length: 64 }, (_, bucket) => ({ bucket, rows: [] }));
  const rows = readOf(overlay, buckets);
  const found = buckets.flatMap(({ bucket }) => told(rows.bucket(bucket)) ?? []);
  expect(found).toEqual(["a=1", "b=2"]);
  expect(overlay.walks).toBe(1);
});
