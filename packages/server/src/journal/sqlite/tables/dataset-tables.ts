import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { TableRead } from "../../tables.ts";
import { ByteWriter } from "./bytes.ts";
import { LogReader } from "./log-reader.ts";
import { decodeReads } from "./read-encoding.ts";
import { encodeResult } from "./result-encoding.ts";
import { RowReader } from "./row-reader.ts";
import { TableTrim } from "./table-trim.ts";
import { TableWriter } from "./table-writer.ts";
import { pagesChangedBy } from "./write-encoding.ts";

/** The tables of datasets in a database: what the worker thread does with them. */
export class DatasetTables {
  readonly writer: TableWriter;
  readonly trim: TableTrim;
  readonly #rows: RowReader;
  readonly #log: LogReader;
  readonly #pageCount: StatementSync;

  constructor(database: DatabaseSync) {
    this.#pageCount = database.prepare("PRAGMA page_count");
    this.writer = new TableWriter(database);
    this.trim = new TableTrim(database);
    this.#rows = new RowReader(database);
    this.#log = new LogReader(database);
  }

  /** About how many pages writes change: none of them twice in one transaction. */
  pagesChangedBy(writes: readonly Uint8Array[]): number {
    const pages = writes.reduce((sum, each) => sum + pagesChangedBy(each), 0);
    return Math.min(pages, Number(this.#pageCount.get()?.page_count));
  }

  /** Answers what `encodeReads` has put together. Nothing may be written meanwhile, and is not. */
  read(encoded: Uint8Array): Uint8Array<ArrayBuffer> {
    const writer = new ByteWriter();
    for (const read of decodeReads(encoded)) this.#answer(writer, read);
    return writer.done();
  }

  #answer(writer: ByteWriter, read: TableRead): void {
    const { datasetId } = read;
    switch (read.kind) {
      case "heads": {
        const heads = read.keys.map((key) => this.#rows.head(datasetId, key));
        encodeResult(writer, "heads", heads);
        break;
      }
      case "rows": {
        const maxBytes = read.maxBytes ?? Number.POSITIVE_INFINITY;
        encodeResult(writer, "rows", this.#rows.rows(datasetId, read.keys, maxBytes));
        break;
      }
      case "records": {
        const records = read.idempotencyKeys.map((key) => this.#rows.record(datasetId, key));
        encodeResult(writer, "records", records);
        break;
      }
      case "page":
        encodeResult(writer, "page", this.#rows.page(datasetId, read));
        break;
      case "buckets": {
        const buckets = this.#rows.buckets(datasetId, read.buckets, read.maxBytes);
        encodeResult(writer, "buckets", { buckets });
        break;
      }
      case "position":
        encodeResult(writer, "position", this.#log.position(datasetId, read.seq));
        break;
      case "changes":
        encodeResult(writer, "changes", this.#log.changes(read));
        break;
      case "unwanted":
        encodeResult(writer, "unwanted", this.#log.unwanted(read));
        break;
    }
  }
}
