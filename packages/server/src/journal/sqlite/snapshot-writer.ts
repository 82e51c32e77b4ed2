import type { DatabaseSync } from "node:sqlite";
import type { SnapshotPosition } from "../journal.ts";
import { CHUNKS_START, chunkChecksum } from "./checksums.ts";
import type { SnapshotTable } from "./snapshot-table.ts";

/**
 * Writes a snapshot chunk by chunk, each durable by itself. It counts only from the moment its head
 * replaces that of the older one; chunks without a head are dropped later.
 */
export class SnapshotWriter {
  readonly #database: DatabaseSync;
  readonly #table: SnapshotTable;
  readonly #firstChunk: bigint;
  #chunks = 0n;
  #checksum = CHUNKS_START;

  constructor(database: DatabaseSync, table: SnapshotTable) {
    this.#database = database;
    this.#table = table;
    this.#firstChunk = table.nextNumber();
  }

  add(bytes: Uint8Array): void {
    this.#checksum = chunkChecksum(this.#checksum, bytes);
    this.#database.exec("BEGIN IMMEDIATE");
    this.#table.writeChunk(this.#firstChunk + this.#chunks, bytes, this.#checksum);
    this.#database.exec("COMMIT");
    this.#chunks += 1n;
  }

  end(position: SnapshotPosition): void {
    const head = { ...position, firstChunk: this.#firstChunk, chunks: this.#chunks };
    this.#database.exec("BEGIN IMMEDIATE");
    this.#table.writeHead(head, this.#checksum);
    this.#database.exec("COMMIT");
  }
}
