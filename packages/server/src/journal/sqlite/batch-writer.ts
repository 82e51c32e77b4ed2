import type { DatabaseSync, StatementSync } from "node:sqlite";
import { chainHash, decodeHeader } from "./encoding.ts";
import type { Mark } from "./mark.ts";

/** Writes batches, one row each. */
export class BatchWriter {
  readonly #begin: StatementSync;
  readonly #commit: StatementSync;
  readonly #rollBack: StatementSync;
  readonly #tail: StatementSync;
  readonly #batch: StatementSync;

  constructor(database: DatabaseSync) {
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollBack = database.prepare("ROLLBACK");
    this.#tail = database.prepare("SELECT max(last_revision) AS tail FROM batches");
    this.#tail.setReadBigInts(true);
    this.#batch = database.prepare(
      "INSERT INTO batches (last_revision, first_revision, epoch, floor, chain, body) VALUES (?, ?, ?, ?, ?, ?)",
    );
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
    const { first, last, epoch, floor } = decodeHeader(batch);
    const chain = chainHash(end.chain, batch);
    this.#batch.run(last, first, epoch, floor, chain, batch);
    return { revision: last, epoch, chain };
  }
}
