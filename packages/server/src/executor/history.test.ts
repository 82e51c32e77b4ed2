import { ErrorReason } from "@lockstep/protocol";
import { expect, test } from "vitest";
import { MemoryJournal } from "../journal/memory.ts";
import { eventBatch } from "../snapshot/testing-support/event-batch.ts";
import { type HistoryStart, readHistory } from "./history.ts";
import { ALL, PAGE } from "./testing-support/world.ts";

/** A journal with twenty events and a snapshot of the tenth. */
async function filled(): Promise<MemoryJournal> {
  const journal = new MemoryJournal();
  await journal.append(0n, eventBatch(1n, new Array(20).fill(1_000)));
  await journal.writeSnapshot({ revision: 10n, epoch: 1n, chunks: [Buffer.from("state")] });
  return journal;
}

const read = async (journal: MemoryJournal, after: HistoryStart) =>
  (await readHistory(journal, 20n, after, PAGE, ALL)).events.map(({ revision }) => revision);

test("below the floor it is refused with the floor, from it on it is read [LOCK-157]", async () => {
  const journal = await filled();
  await journal.compact(7n);
  const compacted = { reason: ErrorReason.REVISION_COMPACTED, metadata: { floor: "7" } };
  await expect(read(journal, 6n)).rejects.toMatchObject(compacted);
  await expect(read(journal, 0n)).rejects.toMatchObject(compacted);
  expect((await read(journal, 7n))[0]).toBe(8n);
  expect((await read(journal, "oldest"))[0]).toBe(8n);
});

test("what is dropped while it is read is refused, never left out without a word [LOCK-155]", async () => {
  const journal = await filled();
  journal.hold("read");
  const page = read(journal, 3n);
  const beginning = read(journal, "oldest");
  const outcomes = Promise.allSettled([page, beginning]);
  while (journal.pending < 2) await Promise.resolve();
  await journal.compact(7n);
  journal.resume();
  const [behind, fromOldest] = await outcomes;
  expect(behind).toMatchObject({ status: "rejected", reason: { metadata: { floor: "7" } } });
  expect(fromOldest).toMatchObject({ status: "fulfilled" });
  expect((await beginning)[0]).toBe(8n);
});
