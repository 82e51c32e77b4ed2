import { copyFileSync } from "node:fs";
import type { DatabaseSync } from "node:sqlite";
import type { AppliedChange, StoreTx } from "@lockstep/replica";
import { SqliteStore } from "@lockstep/replica/sqlite";
import type { OnChange } from "./system.ts";

/** A replica's file that tells of each change of the log when it is on the disk. */
export class TellingStore extends SqliteStore {
  listener: OnChange = () => undefined;
  #applied: string[] = [];

  constructor(path: string) {
    super({ path });
  }

  /** A copy of a file that nobody has open. */
  static copyOf(path: string, copy: string): TellingStore {
    copyFileSync(path, copy);
    return new TellingStore(copy);
  }

  /** Told by `apply`, in a transaction. */
  applied({ cause, key }: AppliedChange): void {
    if (cause === "TAIL") this.#applied.push(Buffer.from(key).toString());
  }

  override async transaction<T>(work: (tx: StoreTx<DatabaseSync>) => T | Promise<T>): Promise<T> {
    const result = await super.transaction((tx) => {
      // What a transaction has left that failed.
      this.#applied = [];
      return work(tx);
    });
    const applied = this.#applied;
    this.#applied = [];
    for (const key of applied) this.listener(key);
    return result;
  }
}
