import type { DatabaseSync } from "node:sqlite";
import { BUCKETS } from "@lockstep/protocol";
import type { AppliedChange, StoredRow, StoreTx } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";
import { progressReporter } from "../output/progress.ts";

/** A replica's file as the command line opens it: it tells how far a look at all rows is, and can park changes. */
export class ReplicaStore extends SqliteStore {
  readonly #report = progressReporter("looking at rows", "buckets");
  #tx: StoreTx<DatabaseSync> | undefined;
  #parked = 0;

  /** How many changes were parked. */
  get parked(): number {
    return this.#parked;
  }

  /** Stands in for the `apply` of the replica's owner, which is not here: sets each change aside for it. */
  readonly park = (change: AppliedChange): void => {
    this.#tx?.park({ ...change, problem: "lockstep drift repair wrote the row" });
    this.#parked += 1;
  };

  override transaction<T>(work: (tx: StoreTx<DatabaseSync>) => T | Promise<T>): Promise<T> {
    return super.transaction((tx) => {
      this.#tx = tx;
      return work(tx);
    });
  }

  override async rowsOfBuckets(first: number, end: number): Promise<StoredRow[]> {
    const rows = await super.rowsOfBuckets(first, end);
    // One at a time they are looked at to find keys.
    if (end - first > 1) this.#report({ done: Math.min(end, BUCKETS), total: BUCKETS });
    return rows;
  }
}
