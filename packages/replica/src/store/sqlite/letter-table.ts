import type { DatabaseSync, StatementSync } from "node:sqlite";
import type { Cause } from "../../apply/applied-change.ts";
import type { DeadLetter, NewDeadLetter } from "../store.ts";
import { bigints } from "./row-table.ts";

/** Parked changes. */
export class LetterTable {
  readonly #insert: StatementSync;
  readonly #delete: StatementSync;
  readonly #all: StatementSync;

  constructor(database: DatabaseSync) {
    this.#insert = database.prepare(`INSERT INTO lockstep_letters
      (cause, op, key, value, seq, schema_version, problem) VALUES (?, ?, ?, ?, ?, ?, ?)`);
    this.#delete = database.prepare("DELETE FROM lockstep_letters WHERE id = ?");
    this.#all = bigints(database.prepare("SELECT * FROM lockstep_letters ORDER BY id"));
  }

  park({ cause, op, key, value, seq, schemaVersion, problem }: NewDeadLetter): void {
    this.#insert.run(cause, op, key, value, seq, schemaVersion, problem);
  }

  unpark(id: number): void {
    this.#delete.run(id);
  }

  all(): DeadLetter[] {
    return this.#all.all().map((columns) => ({
      id: Number(columns.id),
      cause: columns.cause as Cause,
      op: columns.op as "PUT" | "DELETE",
      key: columns.key as Uint8Array,
      value: columns.value as Uint8Array,
      seq: columns.seq as bigint,
      schemaVersion: Number(columns.schema_version),
      problem: columns.problem as string,
    }));
  }
}
