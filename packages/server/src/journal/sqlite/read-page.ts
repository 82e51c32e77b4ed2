import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { JournalFilter, PageLimit } from "../journal.ts";
import { larger } from "../lineage.ts";
import { decodeKeys, type EncodedRecord } from "./encoding.ts";

/** A page whose records are still encoded. */
export interface EncodedPage {
  readonly records: EncodedRecord[];
  readonly scannedTo: bigint;
  readonly more: boolean;
}

/** A page never holds more than this, whatever the caller allows: appends wait for it. */
export const pageLimits = {
  maxRecords: 1024,
  maxBytes: 1024 * 1024,
  /** How many records a page may look at to find those of a prefix that many keys have. */
  maxScanned: 4096,
  /** Up to how many index entries a prefix is looked up in the index. */
  maxPrefixEntries: 4096,
} as const;

/** Reads pages from the tables. */
export class PageReader {
  readonly #all: StatementSync;
  readonly #one: StatementSync;
  readonly #byKey: StatementSync;
  readonly #countRange: StatementSync;
  readonly #byRange: StatementSync;

  constructor(database: DatabaseSync) {
    const prepare = (sql: string) => {
      const statement = database.prepare(sql);
      statement.setReadBigInts(true);
      return statement;
    };
    this.#all = prepare(
      "SELECT revision, keys, bytes FROM events WHERE revision > ? ORDER BY revision LIMIT ?",
    );
    this.#one = prepare("SELECT revision, keys, bytes FROM events WHERE revision = ?");
    this.#byKey = prepare(
      "SELECT revision FROM event_keys WHERE key = ? AND revision > ? ORDER BY revision LIMIT ?",
    );
    const range = "FROM event_keys WHERE key >= ? AND (?2 IS NULL OR key < ?2)";
    this.#countRange = prepare(`SELECT count(*) AS found FROM (SELECT 1 ${range} LIMIT ?)`);
    this.#byRange = prepare(`SELECT DISTINCT revision ${range} AND revision > ? ORDER BY revision`);
  }

  /** Reads the records after a revision, up to `tail`, the last durable one. */
  read(after: bigint, limit: PageLimit, filter: JournalFilter, tail: bigint): EncodedPage {
    const page = new PageBuilder(limit);
    const end = larger(after, tail);
    if (filter.kind === "all") return this.#readAll(after, page, end);
    if (filter.kind === "keys") return this.#readKeys(after, page, end, filter.keys);
    return this.#readPrefix(after, page, end, Buffer.from(filter.prefix, "utf8"));
  }

  #readAll(after: bigint, page: PageBuilder, end: bigint): EncodedPage {
    for (const row of this.#all.iterate(after, page.maxRecords + 1)) {
      const record = recordOf(row);
      if (!page.add(record)) return page.stopBefore(record.revision);
    }
    return page.finish(end);
  }

  #readKeys(after: bigint, page: PageBuilder, end: bigint, keys: readonly string[]): EncodedPage {
    const found = new Set<bigint>();
    for (const key of new Set(keys)) {
      const rows = this.#byKey.iterate(Buffer.from(key, "utf8"), after, page.maxRecords + 1);
      for (const row of rows) found.add(revisionOf(row));
    }
    return this.#readRevisions([...found].sort(byValue), page, end);
  }

  /**
   * The index has the entries of a prefix in one range, but ordered by key: to put them in order of
   * revision all have to be read. With many entries it is cheaper to go through the records themselves,
   * a bounded way each page.
   */
  #readPrefix(after: bigint, page: PageBuilder, end: bigint, prefix: Uint8Array): EncodedPage {
    const beyond = firstBeyond(prefix);
    const many = pageLimits.maxPrefixEntries + 1;
    const entries = this.#countRange.get(prefix, beyond, many)?.found;
    if (entries === BigInt(many)) return this.#scanForPrefix(after, page, end, prefix);
    const rows = this.#byRange.all(prefix, beyond, after);
    return this.#readRevisions(rows.map(revisionOf), page, end);
  }

  #scanForPrefix(after: bigint, page: PageBuilder, end: bigint, prefix: Uint8Array): EncodedPage {
    let scanned = 0;
    for (const row of this.#all.iterate(after, pageLimits.maxScanned + 1)) {
      const record = recordOf(row);
      scanned += 1;
      if (scanned > pageLimits.maxScanned) return page.stopBefore(record.revision);
      if (!hasPrefix(record, prefix)) continue;
      if (!page.add(record)) return page.stopBefore(record.revision);
    }
    return page.finish(end);
  }

  #readRevisions(revisions: readonly bigint[], page: PageBuilder, end: bigint): EncodedPage {
    for (const revision of revisions) {
      const row = this.#one.get(revision);
      if (row === undefined) throw new Error(`revision ${revision} is indexed but not there`);
      if (!page.add(recordOf(row))) return page.stopBefore(revision);
    }
    return page.finish(end);
  }
}

class PageBuilder {
  readonly maxRecords: number;
  readonly #maxBytes: number;
  readonly #records: EncodedRecord[] = [];
  #bytes = 0;

  constructor(limit: PageLimit) {
    this.maxRecords = Math.max(1, Math.min(limit.maxRecords, pageLimits.maxRecords));
    this.#maxBytes = Math.min(limit.maxBytes, pageLimits.maxBytes);
  }

  /** Returns false when the record does not fit any more. */
  add(record: EncodedRecord): boolean {
    this.#bytes += record.bytes.length;
    const full = this.#records.length >= this.maxRecords || this.#bytes > this.#maxBytes;
    if (full && this.#records.length > 0) return false;
    this.#records.push(record);
    return true;
  }

  stopBefore(revision: bigint): EncodedPage {
    return { records: this.#records, scannedTo: revision - 1n, more: true };
  }

  finish(scannedTo: bigint): EncodedPage {
    return { records: this.#records, scannedTo, more: false };
  }
}

/** The first key in byte order above all that start with `prefix`; null when there is none. */
function firstBeyond(prefix: Uint8Array): Uint8Array | null {
  // UTF-8 has no byte 0xff, so the last byte can always be raised.
  const beyond = Uint8Array.from(prefix);
  const last = beyond.length - 1;
  if (last < 0) return null;
  beyond[last] = (beyond[last] ?? 0) + 1;
  return beyond;
}

function hasPrefix({ keys }: EncodedRecord, prefix: Uint8Array): boolean {
  return decodeKeys(keys).some((key) => Buffer.from(key.subarray(0, prefix.length)).equals(prefix));
}

function recordOf(row: Record<string, unknown>): EncodedRecord {
  const { keys, bytes } = row;
  if (!(keys instanceof Uint8Array) || !(bytes instanceof Uint8Array)) {
    throw new Error("a record is not what was written");
  }
  return { revision: revisionOf(row), keys, bytes };
}

function revisionOf({ revision }: Record<string, unknown>): bigint {
  if (typeof revision !== "bigint") throw new Error("a revision is not a number");
  return revision;
}

function byValue(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
