import type { DatabaseSync } from "node:sqlite";
import type { JournalFilter, PageLimit } from "../journal.ts";
import { larger } from "../lineage.ts";
import { type EncodedRecord, RecordWalk } from "./encoding.ts";
import { SegmentTable } from "./segment-table.ts";
import { type SourceBatch, SourceBatches } from "./source-batches.ts";

/** A page whose records are still encoded. */
export interface EncodedPage {
  readonly records: EncodedRecord[];
  readonly scannedTo: bigint;
  readonly more: boolean;
}

/** A page never holds or costs more than this, whatever the caller allows: appends wait for it. */
export const pageLimits = {
  maxRecords: 1024,
  maxBytes: 1024 * 1024,
  /** How many bytes of batches and of the index are gone through; a single batch may exceed it. */
  maxExaminedBytes: 4 * 1024 * 1024,
  /** How many records are looked at that are not in the index, beside the rest of a batch. */
  maxScanned: 4096,
} as const;

type Choice = Exclude<JournalFilter, { kind: "all" }>;

/** Reads pages from the tables. */
export class PageReader {
  readonly #batches: SourceBatches;
  readonly #segments: SegmentTable;

  constructor(database: DatabaseSync) {
    this.#batches = new SourceBatches(database);
    this.#segments = new SegmentTable(database);
  }

  /** Reads the records after a revision, up to `tail`, the last durable one. */
  read(after: bigint, limit: PageLimit, filter: JournalFilter, tail: bigint): EncodedPage {
    const page = new PageBuilder(after, limit, larger(after, tail));
    if (filter.kind === "all") this.#scan(page, page.end, () => true);
    else this.#readChosen(page, filter);
    return page.result();
  }

  /**
   * Segment by segment, oldest first, and through the batches themselves where there is none: at the end,
   * which is not in the index yet, or where one is missing.
   */
  #readChosen(page: PageBuilder, filter: Choice): void {
    const isChosen = chooser(filter);
    while (!page.isFull) {
      const segment = this.#segments.next(page.scannedTo);
      if (segment === undefined) {
        this.#scan(page, page.end, isChosen);
        return;
      }
      const { first, last } = segment.range;
      page.examined(segment.length);
      if (first > page.scannedTo + 1n) this.#scan(page, first - 1n, isChosen);
      if (!page.isFull) this.#readRevisions(page, segment.find(filter, page.scannedTo), last);
    }
  }

  /** Goes through the batches up to `last`, where one ends. */
  #scan(page: PageBuilder, last: bigint, isChosen: (walk: RecordWalk) => boolean): void {
    let scanned = 0;
    for (const { header, bytes } of this.#batches.between(page.scannedTo, last)) {
      page.examined(bytes.length);
      const walk = new RecordWalk(bytes);
      for (let revision = header.first; walk.next(); revision += 1n) {
        if (revision <= page.scannedTo) continue;
        if (isChosen(walk) && !page.addAt(revision, walk.record())) return;
        scanned += 1;
      }
      if (page.reach(header.last, scanned >= pageLimits.maxScanned)) return;
    }
    page.reach(last);
  }

  /** Takes the records of these revisions, of which none is missing up to `last`. */
  #readRevisions(page: PageBuilder, revisions: readonly bigint[], last: bigint): void {
    let batch: BatchCursor | undefined;
    for (const revision of revisions) {
      if (batch === undefined || revision > batch.last) {
        if (page.reach(revision - 1n)) return;
        batch = new BatchCursor(this.#batches.holding(revision));
        page.examined(batch.length);
      }
      if (!page.addAt(revision, batch.recordOf(revision))) return;
    }
    page.reach(last);
  }
}

/** A batch whose records are asked for in rising order. */
class BatchCursor {
  readonly last: bigint;
  readonly length: number;
  readonly #walk: RecordWalk;
  #next: bigint;

  constructor({ header, bytes }: SourceBatch) {
    this.last = header.last;
    this.length = bytes.length;
    this.#walk = new RecordWalk(bytes);
    this.#next = header.first;
  }

  recordOf(revision: bigint): EncodedRecord {
    while (this.#next <= revision && this.#walk.next()) this.#next += 1n;
    return this.#walk.record();
  }
}

class PageBuilder {
  /** Where the history ends. */
  readonly end: bigint;
  readonly #after: bigint;
  readonly #maxRecords: number;
  readonly #maxBytes: number;
  readonly #records: EncodedRecord[] = [];
  #scannedTo: bigint;
  #bytes = 0;
  #examinedBytes = 0;
  #isFull = false;

  constructor(after: bigint, limit: PageLimit, end: bigint) {
    this.end = end;
    this.#after = after;
    this.#scannedTo = after;
    this.#maxRecords = Math.max(1, Math.min(limit.maxRecords, pageLimits.maxRecords));
    this.#maxBytes = Math.min(limit.maxBytes, pageLimits.maxBytes);
    if (after === end) this.#isFull = true;
  }

  /** Nothing more may be added: it holds enough, has cost enough, or has come to the end. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Everything chosen up to here is in it. */
  get scannedTo(): bigint {
    return this.#scannedTo;
  }

  /** Adds a record; everything chosen before it is in. Returns false when the page ends before it. */
  addAt(revision: bigint, record: EncodedRecord): boolean {
    this.#bytes += record.bytes.length;
    const full = this.#records.length >= this.#maxRecords || this.#bytes > this.#maxBytes;
    if (full && this.#records.length > 0) {
      this.#scannedTo = revision - 1n;
      this.#isFull = true;
      return false;
    }
    this.#records.push(record);
    return true;
  }

  /** Counts what was read to find its records. */
  examined(bytes: number): void {
    this.#examinedBytes += bytes;
  }

  /**
   * Everything up to a revision has been looked at.
   * @param isEnough the page should end here in any case
   * @returns whether the page ends here
   */
  reach(revision: bigint, isEnough = false): boolean {
    this.#scannedTo = larger(this.#scannedTo, revision);
    // A page that got nowhere would be asked for again and again.
    const costEnough =
      this.#examinedBytes >= pageLimits.maxExaminedBytes && this.#scannedTo > this.#after;
    this.#isFull ||= isEnough || costEnough || this.#scannedTo >= this.end;
    return this.#isFull;
  }

  result(): EncodedPage {
    const more = this.#scannedTo < this.end;
    return { records: this.#records, scannedTo: this.#scannedTo, more };
  }
}

/** Whether a record has a key that a filter chooses. */
function chooser(filter: Choice): (walk: RecordWalk) => boolean {
  if (filter.kind === "prefix") {
    const prefix = Buffer.from(filter.prefix).toString("latin1");
    return (walk) => some(walk, (key) => key.startsWith(prefix));
  }
  const keys = new Set(filter.keys.map((key) => Buffer.from(key).toString("latin1")));
  return (walk) => some(walk, (key) => keys.has(key));
}

function some(walk: RecordWalk, isChosen: (key: string) => boolean): boolean {
  for (const key of walk.keys("latin1")) if (isChosen(key)) return true;
  return false;
}
