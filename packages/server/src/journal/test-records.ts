import { expect } from "vitest";
import type { Journal, JournalBatch, JournalFilter, JournalRecord } from "./journal.ts";

/** A record whose bytes say its revision. */
export function record(revision: bigint, ...keys: string[]): JournalRecord {
  return { revision, bytes: Buffer.from(`event ${revision}`), keys };
}

/** A batch of records with one key each. */
export function batch(first: bigint, last = first, epoch = 1n): JournalBatch {
  const records: JournalRecord[] = [];
  for (let revision = first; revision <= last; revision += 1n) {
    records.push(record(revision, `key/${revision}`));
  }
  return { epoch, records };
}

/** Reads everything chosen, page by page, and holds the pages to their promises. */
export async function readAll(
  journal: Journal,
  { after = 0n, filter, maxRecords = 100 }: ReadAllOptions = {},
): Promise<JournalRecord[]> {
  const records: JournalRecord[] = [];
  for (let cursor = after; ; ) {
    const page = await journal.read(cursor, { maxRecords, maxBytes: 1_000_000 }, filter);
    expect(page.records.length).toBeLessThanOrEqual(maxRecords);
    for (const found of page.records) {
      expect(found.revision).toBeGreaterThan(records.at(-1)?.revision ?? after);
      expect(found.revision).toBeLessThanOrEqual(page.scannedTo);
      records.push(found);
    }
    if (!page.more) return records;
    expect(page.scannedTo).toBeGreaterThan(cursor);
    cursor = page.scannedTo;
  }
}

interface ReadAllOptions {
  readonly after?: bigint;
  readonly filter?: JournalFilter;
  readonly maxRecords?: number;
}

/** A record whose bytes compare whatever their class. */
export function plain({ revision, bytes, keys }: JournalRecord) {
  return { revision, keys, text: Buffer.from(bytes).toString("latin1") };
}
