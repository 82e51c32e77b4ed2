import type { DatabaseSync, StatementSync } from "node:sqlite";
import { chainHash, decodeBatch, decodeKeys, distinct, type EncodedRecord } from "./encoding.ts";
import type { Mark } from "./mark.ts";

/** Writes batches into the tables. */
export class BatchWriter {
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollBack: StatementSync;
  readonly #tail: StatementSync;
  readonly #batch: StatementSync;
  readonly #event: StatementSync;
  readonly #key: StatementSync;

  constructor(database: DatabaseSync) {
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollBack = database.prepare("ROLLBACK");
    this.#tail = database.prepare("SELECT max(last_revision) AS tail FROM batches");
    this.#tail.setReadBigInts(true);
    this.#batch = database.prepare(
      "INSERT INTO batches (last_revision, first_revision, epoch, floor, chain) VALUES (?, ?, ?, ?, ?)",
    );
    this.#event = database.prepare("INSERT INTO events (revision, keys, bytes) VALUES (?, ?, ?)");
    this.#key = database.prepare("INSERT INTO event_keys (key, revision) VALUES (?, ?)");
  }

  begin(): void {
    this.#begin.run();
  }

  commit(): void {
    this.#commit.run();
  }

  rollBack(): void {
    this.#rollBack.run();
  }

  tail(): bigint {
    const tail = this.#tail.get()?.tail;
    return typeof tail === "bigint" ? tail : 0n;
  }

  /** Returns the end of the journal after the batch. */
  write(batch: Uint8Array, end: Mark): Mark {
    const { header, records } = decodeBatch(batch);
    const { first, last, epoch, floor } = header;
    const chain = chainHash(end.chain, batch);
    this.#batch.run(last, first, epoch, floor, chain);
    for (const record of records) this.#writeRecord(record);
    return { revision: last, epoch, chain };
  }

  #writeRecord({ revision, keys, bytes }: EncodedRecord): void {
    this.#event.run(revision, keys, bytes);
    for (const key of distinct(decodeKeys(keys))) this.#key.run(key, revision);
  }
}
