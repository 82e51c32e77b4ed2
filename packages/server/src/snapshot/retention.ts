import { toEvent } from "../executor/event-codec.ts";
import type { Journal } from "../journal/journal.ts";
import { larger } from "../journal/lineage.ts";

/** How much history is kept beside the snapshot. What is beyond either bound may be dropped. */
export interface Retention {
  /** At most this many of the last events. */
  readonly historyEvents: number;
  /** No events older than this, milliseconds. */
  readonly historyAgeMs: number;
}

const ONE = { maxRecords: 1, maxBytes: 1 };

/**
 * The highest revision that history no longer needs. What the snapshot covers is another matter.
 * @param unixMs what time it is
 */
export async function unwantedUpTo(
  journal: Journal,
  { historyEvents, historyAgeMs }: Retention,
  unixMs: number,
): Promise<bigint> {
  const byCount = journal.state().tail - BigInt(historyEvents);
  return larger(byCount, await lastBefore(journal, unixMs - historyAgeMs));
}

/**
 * The revision of the last event decided before a moment, found by halves: events lie in the order of
 * their times, but for steps of the machine's clock.
 */
async function lastBefore(journal: Journal, unixMs: number): Promise<bigint> {
  let { base: older, tail: newest } = journal.state();
  while (older < newest) {
    const middle = (older + newest + 1n) / 2n;
    const [record] = (await journal.read(middle - 1n, ONE)).records;
    const isOlder = record !== undefined && toEvent(record).decidedAtMs < unixMs;
    if (isOlder) older = larger(middle, record.revision);
    else newest = middle - 1n;
  }
  return older;
}
