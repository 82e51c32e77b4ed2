import type { DatabaseSync, StatementSync } from "node:sqlite";
import { StoreError } from "../../errors.ts";
import type { Difference, NewDeadLetter, Progress, StagedProgress, StoreTx } from "../store.ts";
import type { LetterTable } from "./letter-table.ts";
import type { ProgressTable } from "./progress-table.ts";
import type { RowTable } from "./row-table.ts";

/** The tables of a store, through the connection that writes. */
export interface Tables {
  readonly database: DatabaseSync;
  readonly slots: readonly [RowTable, RowTable];
  readonly progress: ProgressTable;
  readonly letters: LetterTable;
  readonly slot: StatementSync;
  readonly setSlot: StatementSync;
}

/** Everything done through it is done in the transaction that is open on the connection. */
export class SqliteTx implements StoreTx<DatabaseSync> {
  readonly user: DatabaseSync;
  published: RowTable;
  staged: RowTable;
  readonly #tables: Tables;
  #slot: 0 | 1;

  constructor(tables: Tables) {
    this.#tables = tables;
    this.user = tables.database;
    this.#slot = slotOf(tables);
    this.published = tables.slots[this.#slot];
    this.staged = tables.slots[this.#slot === 0 ? 1 : 0];
  }

  setProgress(progress: Progress): void {
    this.#tables.progress.setPublished(progress);
  }

  setStaged(progress: StagedProgress): void {
    this.#tables.progress.setStaged(progress);
  }

  discardStaged(): void {
    this.#tables.progress.clearStaged();
    this.staged.clear();
  }

  *differences(): Iterable<Difference> {
    const published = `lockstep_rows_${this.#slot}`;
    const staged = `lockstep_rows_${this.#slot === 0 ? 1 : 0}`;
    const keys = this.user.prepare(`
      SELECT p.key AS key FROM ${published} p LEFT JOIN ${staged} s ON s.key = p.key
        WHERE s.key IS NULL OR s.entry_hash <> p.entry_hash
      UNION ALL
      SELECT s.key AS key FROM ${staged} s LEFT JOIN ${published} p ON p.key = s.key
        WHERE p.key IS NULL
      ORDER BY key`);
    for (const row of keys.iterate()) {
      const key = row.key as Uint8Array;
      yield { key, before: this.published.row(key), after: this.staged.row(key) };
    }
  }

  publish(): void {
    this.published.clear();
    this.#tables.progress.clearStaged();
    this.#slot = this.#slot === 0 ? 1 : 0;
    this.#tables.setSlot.run(this.#slot);
    [this.published, this.staged] = [this.staged, this.published];
  }

  requireOpen(): void {
    if (!this.user.isTransaction)
      throw new StoreError(
        "apply has ended the transaction it runs in: it must neither commit nor roll back, nor go on after an error that did",
      );
  }

  park(letter: NewDeadLetter): void {
    this.#tables.letters.park(letter);
  }

  unpark(id: number): void {
    this.#tables.letters.unpark(id);
  }
}

/** Which slot readers see. */
export function slotOf({ slot }: Pick<Tables, "slot">): 0 | 1 {
  return slot.get()?.published_slot === 1 ? 1 : 0;
}
