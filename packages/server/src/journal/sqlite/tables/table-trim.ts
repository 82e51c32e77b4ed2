import type { DatabaseSync, StatementSync } from "node:sqlite";
import { DATASET_TABLE_NAMES } from "./table-schema.ts";

/** How many rows one step drops: appends wait for it. */
const ROWS_PER_STEP = 1_000;
/** Likewise of appends, each with all its changes. */
const APPENDS_PER_STEP = 100;
// SQLite's integers end here.
const ALL = 2n ** 63n - 1n;

/** Drops rows of tables step by step, each step one transaction. */
export class TableTrim {
  readonly #database: DatabaseSync;
  readonly #changes: StatementSync;
  readonly #checkpoints: StatementSync;
  readonly #records: StatementSync;
  readonly #rows: StatementSync;
  readonly #nextIds: readonly StatementSync[];

  constructor(database: DatabaseSync) {
    this.#database = database;
    this.#changes = database.prepare(
      dropping("changes", "last_seq", "last_seq <= ?", APPENDS_PER_STEP),
    );
    this.#checkpoints = database.prepare(dropping("checkpoints", "seq", "seq < ?"));
    this.#records = database.prepare(dropping("idempotency", "key", "seq <= ?"));
    this.#rows = database.prepare(dropping("dataset_rows", "key", "? > 0"));
    this.#nextIds = DATASET_TABLE_NAMES.map((table) => {
      const next = database.prepare(`SELECT min(dataset) AS id FROM ${table} WHERE dataset > ?`);
      next.setReadBigInts(true);
      return next;
    });
  }

  /** Drops some of what lies at or below the floor. Returns how many rows; 0 when nothing is left. */
  trimStep(dataset: bigint, floorSeq: bigint, droppedSeq: bigint): number {
    return this.#step([
      () => run(this.#changes, dataset, floorSeq),
      () => run(this.#checkpoints, dataset, floorSeq),
      () => run(this.#records, dataset, droppedSeq),
    ]);
  }

  /** Drops some of everything of a dataset. Returns how many rows; 0 when nothing is left. */
  dropStep(dataset: bigint): number {
    return this.#step([
      () => run(this.#rows, dataset, ALL),
      () => run(this.#changes, dataset, ALL),
      () => run(this.#checkpoints, dataset, ALL),
      () => run(this.#records, dataset, ALL),
    ]);
  }

  /** The datasets that have anything, rising. */
  datasetIds(): bigint[] {
    const ids = new Set<bigint>();
    for (const next of this.#nextIds) {
      for (let id = nextId(next, -1n); id !== undefined; id = nextId(next, id)) ids.add(id);
    }
    return [...ids].sort((a, b) => (a < b ? -1 : 1));
  }

  /** Does the first of these that finds anything to do. */
  #step(parts: readonly (() => number)[]): number {
    this.#database.exec("BEGIN IMMEDIATE");
    let dropped = 0;
    for (const part of parts) {
      dropped = part();
      if (dropped > 0) break;
    }
    this.#database.exec("COMMIT");
    return dropped;
  }
}

function dropping(table: string, key: string, condition: string, limit = ROWS_PER_STEP): string {
  return `DELETE FROM ${table} WHERE dataset = ?1 AND ${key} IN (SELECT ${key} FROM ${table} WHERE dataset = ?1 AND ${condition.replace("?", "?2")} LIMIT ${limit})`;
}

function run(statement: StatementSync, dataset: bigint, upTo: bigint): number {
  return Number(statement.run(dataset, upTo).changes);
}

function nextId(statement: StatementSync, after: bigint): bigint | undefined {
  const id = statement.get(after)?.id;
  return typeof id === "bigint" ? id : undefined;
}
