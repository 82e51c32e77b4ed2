import type { DatabaseSync, SQLOutputValue, StatementSync } from "node:sqlite";
import type { Progress, StagedHigh, StagedProgress } from "../store.ts";
import { bigints } from "./row-table.ts";

type Columns = Record<string, SQLOutputValue>;

const NO_BYTES = new Uint8Array();

/** How far the published rows and a staged snapshot are. */
export class ProgressTable {
  readonly #get: StatementSync;
  readonly #set: StatementSync;
  readonly #delete: StatementSync;

  constructor(database: DatabaseSync) {
    this.#get = bigints(database.prepare("SELECT * FROM lockstep_progress WHERE table_name = ?"));
    this.#set = database.prepare(`INSERT OR REPLACE INTO lockstep_progress (table_name, dataset_id,
      salt, created_epoch, seq, log_hash, policy, verified_seq, quarantine, snapshot_id, low_seq,
      low_log_hash, after_key, high_seq, high_log_hash, high_count, high_root)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`);
    this.#delete = database.prepare("DELETE FROM lockstep_progress WHERE table_name = ?");
  }

  published(): Progress | undefined {
    const columns = this.#get.get("published");
    return (
      columns && {
        ...common(columns),
        verifiedSeq: columns.verified_seq as bigint,
        quarantine: columns.quarantine as string,
      }
    );
  }

  setPublished(progress: Progress): void {
    const { datasetId, salt, createdEpoch, cursor, policy, verifiedSeq, quarantine } = progress;
    const own = [datasetId, salt, createdEpoch, cursor.seq, cursor.logHash, policy] as const;
    this.#set.run("published", ...own, verifiedSeq, quarantine, ...NO_SNAPSHOT);
  }

  staged(): StagedProgress | undefined {
    const columns = this.#get.get("staged");
    return (
      columns && {
        ...common(columns),
        snapshotId: columns.snapshot_id as bigint,
        low: {
          seq: columns.low_seq as bigint,
          logHash: columns.low_log_hash as Uint8Array,
        },
        afterKey: columns.after_key as Uint8Array,
        high: highOf(columns),
      }
    );
  }

  setStaged(progress: StagedProgress): void {
    const { datasetId, salt, createdEpoch, cursor, policy, low, high } = progress;
    const own = [datasetId, salt, createdEpoch, cursor.seq, cursor.logHash, policy] as const;
    const snapshot = [progress.snapshotId, low.seq, low.logHash, progress.afterKey] as const;
    const end = high ? [high.seq, high.logHash, high.count, high.root] : NO_HIGH;
    this.#set.run("staged", ...own, 0n, "", ...snapshot, ...end);
  }

  clearStaged(): void {
    this.#delete.run("staged");
  }
}

const NO_HIGH = [null, null, null, null] as const;
const NO_SNAPSHOT = [0n, 0n, NO_BYTES, NO_BYTES, ...NO_HIGH] as const;

function common(columns: Columns) {
  return {
    datasetId: columns.dataset_id as bigint,
    salt: columns.salt as Uint8Array,
    createdEpoch: columns.created_epoch as bigint,
    cursor: { seq: columns.seq as bigint, logHash: columns.log_hash as Uint8Array },
    policy: columns.policy as Uint8Array,
  };
}

function highOf(columns: Columns): StagedHigh | undefined {
  if (columns.high_seq === null) return undefined;
  return {
    seq: columns.high_seq as bigint,
    logHash: columns.high_log_hash as Uint8Array,
    count: columns.high_count as bigint,
    root: columns.high_root as Uint8Array,
  };
}
