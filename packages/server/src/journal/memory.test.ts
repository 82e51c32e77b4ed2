import { expect, test } from "vitest";
import { journalContract } from "./contract.ts";
import { tables } from "./contract-tables.ts";
import { JournalDeposedError, type JournalPosition, JournalUnknownError } from "./journal.ts";
import { MemoryJournal, type MemoryJournalFault } from "./memory.ts";
import { batch, readAll } from "./test-records.ts";

const makeHome = async () => {
  let journal: MemoryJournal | undefined;
  return {
    async open(newLineage?: JournalPosition) {
      const options = newLineage === undefined ? {} : { newLineage };
      journal = journal?.crash(options) ?? new MemoryJournal(options);
      return journal;
    },
  };
};

journalContract("the memory journal", makeHome);
tables(makeHome);

test("appends that are held settle one by one, when the test says so", async () => {
  const journal = new MemoryJournal();
  journal.hold();
  const settled: number[] = [];
  const appends = [0n, 1n, 2n].map((tail, index) =>
    journal.append(tail, batch(tail + 1n)).then(() => settled.push(index)),
  );
  expect(journal.pending).toBe(3);
  expect(journal.state().tail).toBe(0n);
  expect(await readAll(journal)).toEqual([]);
  expect(journal.settleNext()).toBe(true);
  await appends[0];
  expect(settled).toEqual([0]);
  expect(journal.state().tail).toBe(1n);
  journal.resume();
  await Promise.all(appends);
  expect(settled).toEqual([0, 1, 2]);
  expect(journal.settleNext()).toBe(false);
});

const afterFault: [MemoryJournalFault, new () => Error, bigint, boolean][] = [
  ["written", JournalUnknownError, 2n, false],
  ["not-written", JournalUnknownError, 1n, false],
  ["torn", JournalUnknownError, 1n, true],
  ["deposed", JournalDeposedError, 1n, false],
];

test.each(afterFault)(
  "after the fault %s every append fails and a crash leaves what was durable",
  async (fault, error, tail, torn) => {
    const journal = new MemoryJournal();
    await journal.append(0n, batch(1n));
    journal.hold();
    journal.failNext(fault);
    const appends = [journal.append(1n, batch(2n)), journal.append(2n, batch(3n))];
    const outcomes = Promise.allSettled(appends);
    journal.resume();
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: expect.any(error) });
    }
    await expect(journal.append(3n, batch(4n))).rejects.toThrow(error);
    await expect(journal.read(0n, { maxRecords: 1, maxBytes: 1 })).rejects.toThrow(error);
    const after = journal.crash();
    expect(after.state().tail).toBe(tail);
    expect(await readAll(after)).toHaveLength(Number(tail));
    expect(after.droppedTornBatch).toBe(torn);
  },
);

test("a crash loses the appends that wait, but for those that had reached the disk", async () => {
  const journal = new MemoryJournal();
  journal.hold();
  for (const tail of [0n, 1n, 2n]) void journal.append(tail, batch(tail + 1n));
  await Promise.resolve();
  const after = journal.crash({ written: 2 });
  expect(after.state().tail).toBe(2n);
  expect(await readAll(after)).toHaveLength(2);
  expect(journal.pending).toBe(0);
});

test("close waits for appends that are held", async () => {
  const journal = new MemoryJournal();
  journal.hold();
  const order: string[] = [];
  const append = journal.append(0n, batch(1n)).then(() => order.push("appended"));
  const closed = journal.close().then(() => order.push("closed"));
  journal.resume();
  await Promise.all([append, closed]);
  expect(order).toEqual(["appended", "closed"]);
});

test("it says that it keeps nothing, and has no disk", async () => {
  const journal = new MemoryJournal();
  expect(journal.durability).toBe(1);
  expect(await journal.freeBytes()).toBeUndefined();
});
