import { expect, test } from "vitest";
import { type Journal, JournalDeposedError, JournalUnknownError } from "./journal.ts";
import { MemoryJournal, type MemoryJournalCall, type MemoryJournalFault } from "./memory.ts";
import { batch, readAll } from "./test-records.ts";

/** A journal with nine records and a snapshot of the fourth. */
async function filled(): Promise<MemoryJournal> {
  const journal = new MemoryJournal();
  await journal.append(0n, batch(1n, 9n));
  await journal.writeSnapshot({ revision: 4n, epoch: 1n, chunks: [Buffer.from("state 4")] });
  return journal;
}

const calls: Record<MemoryJournalCall, (journal: Journal) => Promise<unknown>> = {
  append: (journal) => journal.append(9n, batch(10n)),
  read: (journal) => journal.read(0n, { maxRecords: 1, maxBytes: 1 }),
  writeSnapshot: (journal) =>
    journal.writeSnapshot({ revision: 9n, epoch: 1n, chunks: [Buffer.from("state 9")] }),
  readSnapshot: (journal) => journal.readSnapshot(),
  readTables: (journal) => journal.readTables([]),
  trim: (journal) => journal.dropDataset(1n),
  compact: (journal) => journal.compact(4n),
};
const kinds = Object.keys(calls) as MemoryJournalCall[];

/** What a fault leaves on the disk: the tail, the revision of the snapshot, the base. */
const left: [MemoryJournalCall, MemoryJournalFault, [bigint, bigint, bigint]][] = [
  ["append", "written", [10n, 4n, 0n]],
  ["append", "not-written", [9n, 4n, 0n]],
  ["append", "torn", [9n, 4n, 0n]],
  ["append", "deposed", [9n, 4n, 0n]],
  ["writeSnapshot", "written", [9n, 9n, 0n]],
  ["writeSnapshot", "not-written", [9n, 4n, 0n]],
  ["writeSnapshot", "torn", [9n, 4n, 0n]],
  ["writeSnapshot", "deposed", [9n, 4n, 0n]],
  ["compact", "written", [9n, 4n, 4n]],
  ["compact", "not-written", [9n, 4n, 0n]],
  ["compact", "torn", [9n, 4n, 2n]],
  ["compact", "deposed", [9n, 4n, 0n]],
  ["read", "not-written", [9n, 4n, 0n]],
  ["readSnapshot", "not-written", [9n, 4n, 0n]],
];

test.each(left)(
  "%s that ends %s leaves what it says, and all calls fail after it",
  async (...row) => {
    const [kind, fault, [tail, snapshot, base]] = row;
    const journal = await filled();
    journal.failNext(fault, kind);
    const error = fault === "deposed" ? JournalDeposedError : JournalUnknownError;
    await expect(calls[kind](journal)).rejects.toThrow(error);
    for (const other of kinds) await expect(calls[other](journal)).rejects.toThrow(error);
    const after = journal.crash();
    expect(after.state()).toMatchObject({ tail, snapshot, base });
    expect(after.droppedTornBatch).toBe(kind === "append" && fault === "torn");
    expect((await readAll(after)).at(0)?.revision).toBe(base + 1n);
    expect((await readAll(after)).at(-1)?.revision).toBe(tail);
  },
);

test.each(kinds)("%s that is held waits until it is told, and others do not", async (kind) => {
  const journal = await filled();
  journal.hold(kind);
  let settled = false;
  const call = calls[kind](journal).then(() => {
    settled = true;
  });
  for (const other of kinds.filter((one) => one !== kind)) {
    // What would be refused beside it, such as a second snapshot, is no matter here.
    await calls[other](journal).catch((error) => expect(error).toBeInstanceOf(RangeError));
  }
  expect([settled, journal.pending]).toEqual([false, 1]);
  expect(journal.settleNext(kind)).toBe(true);
  await call;
  expect(journal.settleNext(kind)).toBe(false);
});

test("calls of several kinds that are held settle in their order, or by kind", async () => {
  const journal = await filled();
  journal.hold("append", "writeSnapshot");
  const settled: string[] = [];
  const all = [calls.append(journal), calls.writeSnapshot(journal)].map((call, index) =>
    call.then(() => settled.push(index === 0 ? "append" : "snapshot")),
  );
  while (journal.pending < 2) await Promise.resolve();
  journal.settleNext("writeSnapshot");
  await all[1];
  journal.resume();
  await Promise.all(all);
  expect(settled).toEqual(["snapshot", "append"]);
});

test("a crash keeps of what waited as much as had reached the disk, and tears the next", async () => {
  for (const [written, torn, state] of [
    [0, false, { tail: 9n, snapshot: 4n }],
    [0, true, { tail: 9n, snapshot: 4n }],
    [1, true, { tail: 10n, snapshot: 4n }],
    [2, false, { tail: 10n, snapshot: 9n }],
  ] as const) {
    const journal = await filled();
    journal.hold("append", "writeSnapshot");
    void calls.append(journal);
    void calls.writeSnapshot(journal);
    while (journal.pending < 2) await Promise.resolve();
    const after = journal.crash({ written, torn });
    expect(after.state()).toMatchObject(state);
    expect(after.droppedTornBatch).toBe(written === 0 && torn);
    await after.append(after.state().tail, batch(after.state().tail + 1n));
  }
});

test("what is open after a crash and what was before it share nothing", async () => {
  const journal = await filled();
  const after = journal.crash();
  await after.append(9n, batch(10n));
  const other = journal.crash();
  expect(other.state().tail).toBe(9n);
});
