import type { RowWrite } from "@lockstep/core";
import { expect, test } from "vitest";
import { MemoryTables } from "../../journal/memory-tables.ts";
import { change, changeOf, checkpoint, DATASET, hash } from "../../journal/test-rows.ts";
import { RecentLog } from "./recent-log.ts";

const LARGE = "x".repeat(100_000);

/** The same batches and checkpoints in a recent log and in tables. */
function both(
  batches: readonly (readonly bigint[])[],
  checkpointed: readonly bigint[],
  value = "v",
) {
  const recent = new RecentLog();
  const tables = new MemoryTables();
  for (const seqs of batches) {
    const last = seqs.at(-1) as bigint;
    recent.add(
      seqs.map((seq) => changeOf(seq, value)),
      hash(last),
    );
    const writes: RowWrite[] = seqs.map((seq) => change(seq, seq === last, value));
    if (checkpointed.includes(last)) {
      const write = checkpoint(last) as Extract<RowWrite, { kind: "checkpoint" }>;
      writes.push(write);
      recent.addCheckpoint(write.checkpoint);
    }
    tables.write(writes);
  }
  const stored = (afterSeq: bigint, afterCheckpoint: bigint, maxBytes: number) =>
    tables.read({ datasetId: DATASET, kind: "changes", afterSeq, afterCheckpoint, maxBytes });
  return { recent, stored };
}

test("what is in memory reads as what is in the tables, from the end of any batch that it has", () => {
  const { recent, stored } = both([[1n, 2n], [3n], [4n, 5n, 6n], [7n]], [2n, 6n, 7n]);
  for (const maxBytes of [1, 150, 10_000]) {
    for (const afterSeq of [2n, 3n, 6n, 7n]) {
      for (const afterCheckpoint of [afterSeq - 1n, afterSeq]) {
        const where = `${afterSeq}, ${afterCheckpoint}, ${maxBytes}`;
        const found = recent.read(afterSeq, afterCheckpoint, maxBytes);
        expect(found, where).toEqual(stored(afterSeq, afterCheckpoint, maxBytes));
      }
    }
  }
});

test("it does not answer for what it does not have", () => {
  const { recent } = both([[1n, 2n], [3n]], []);
  expect(recent.read(0n, 0n, 1)).toBeUndefined();
  expect(recent.read(1n, 0n, 1)).toBeUndefined();
  expect(recent.read(4n, 3n, 1)).toBeUndefined();
  recent.clear();
  expect(recent.read(3n, 3n, 1)).toBeUndefined();
});

test("it forgets the oldest batches beyond its bound, and keeps the last whatever its size", () => {
  const seqs = Array.from({ length: 30 }, (_, index) => [BigInt(index + 1)]);
  const { recent } = both(seqs, [], LARGE);
  expect(recent.read(10n, 10n, 1)).toBeUndefined();
  expect(recent.read(29n, 29n, 1)?.batchEnds).toEqual([30n]);
});
