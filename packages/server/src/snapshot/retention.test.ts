import { expect, test } from "vitest";
import { MemoryJournal } from "../journal/memory.ts";
import { unwantedUpTo } from "./retention.ts";
import { eventBatch } from "./testing-support/event-batch.ts";

/** A journal whose events were decided at these moments, in two lineages. */
async function journalWith(times: readonly number[], second: readonly number[] = []) {
  let journal = new MemoryJournal();
  await journal.append(0n, eventBatch(1n, times));
  if (second.length > 0) {
    const begin = { revision: 1_000_000n, epoch: 2n };
    journal = journal.crash({ newLineage: begin });
    await journal.append(BigInt(times.length), eventBatch(begin.revision, second, begin.epoch));
  }
  return journal;
}

const times = Array.from({ length: 100 }, (_, index) => 1_000 + 10 * index);

test.each([
  [{ historyEvents: 1_000, historyAgeMs: 1_000_000 }, 2_000, 0n],
  [{ historyEvents: 30, historyAgeMs: 1_000_000 }, 2_000, 70n],
  [{ historyEvents: 0, historyAgeMs: 1_000_000 }, 2_000, 100n],
  [{ historyEvents: 1_000, historyAgeMs: 500 }, 2_000, 50n],
  [{ historyEvents: 1_000, historyAgeMs: 0 }, 3_000, 100n],
  [{ historyEvents: 30, historyAgeMs: 500 }, 2_000, 70n],
  [{ historyEvents: 70, historyAgeMs: 500 }, 2_000, 50n],
])("with %j, at %i ms, history is not wanted up to revision %i", async (keep, unixMs, upTo) => {
  const found = await unwantedUpTo(await journalWith(times), keep, unixMs);
  // Everything is wanted also where more is allowed than there is.
  expect(found < 0n ? 0n : found).toBe(upTo);
});

test("events of the moment itself are not too old yet", async () => {
  const journal = await journalWith(times);
  const keep = { historyEvents: 1_000, historyAgeMs: 0 };
  expect(await unwantedUpTo(journal, keep, 1_500)).toBe(50n);
  expect(await unwantedUpTo(journal, keep, 1_501)).toBe(51n);
});

test("age is found over the gap that a new lineage leaves", async () => {
  const journal = await journalWith(times, [5_000, 5_010, 5_020]);
  const keep = (historyAgeMs: number) => ({ historyEvents: 10_000_000, historyAgeMs });
  expect(await unwantedUpTo(journal, keep(4_510), 6_000)).toBe(49n);
  expect(await unwantedUpTo(journal, keep(990), 6_000)).toBe(1_000_000n);
  expect(await unwantedUpTo(journal, keep(0), 6_000)).toBe(1_000_002n);
});
