import type { LogPosition, ScrubStatus } from "@lockstep/protocol";
import type { Journal, PageLimit } from "../../journal/journal.ts";
import type { StoredChanges, StoredPage, TableRead, TableResults } from "../../journal/tables.ts";
import type { AckListeners } from "./ack-listeners.ts";
import type { DurableLogs } from "./durable-logs.ts";
import type { Scrub } from "./scrub.ts";

/** What is durable of datasets, for those who send it on. It has no place in the order. */
export interface DatasetReads {
  /** Why nothing more will become durable; undefined while something may. Listeners are called when it is set. */
  readonly failure: Error | undefined;
  /** Where a log durably ends; undefined when there is no such dataset, or not any more. */
  durableHead(datasetId: bigint): LogPosition | undefined;
  /** As `readChanges`, from memory; undefined when it has to be read. */
  recentChanges(
    datasetId: bigint,
    afterSeq: bigint,
    afterCheckpoint: bigint,
    maxBytes: number,
  ): StoredChanges | undefined;
  /**
   * Whole batches behind a seq, as many as fit into `maxBytes` but at least one, and checkpoints above another.
   * Of a log that does not reach back so far any more they do not follow `afterSeq`.
   */
  readChanges(
    datasetId: bigint,
    afterSeq: bigint,
    afterCheckpoint: bigint,
    maxBytes: number,
  ): Promise<StoredChanges>;
  /** Rows above a key. */
  readRows(datasetId: bigint, afterKey: Uint8Array, limit: PageLimit): Promise<StoredPage>;
  /** Calls `listener` when there may be more to read. Returns the way to stop. */
  onDataset(datasetId: bigint, listener: () => void): () => void;
  /** Calls `listener` with what each accepted Ack of a subscription says is applied. Returns the way to stop. */
  onAck(subscriptionId: bigint, listener: (appliedSeq: bigint) => void): () => void;
  /** Whether anything is being read of the tables, or dropped from them. */
  readonly isReading: boolean;
  /** How far the server has looked at its own rows. */
  scrubStatus(datasetId: bigint): ScrubStatus;
}

const NO_PREFIX = new Uint8Array();

/** What the reads are made of. */
export interface TableReadsParts {
  readonly journal: Pick<Journal, "readTables">;
  readonly logs: DurableLogs;
  readonly acks: AckListeners;
  readonly scrub: Scrub;
  /** Whether others read of the tables or drop from them. */
  readonly isReading: () => boolean;
}

/** Reads what is durable from the journal's tables, and the end of a log from memory. */
export class TableReads implements DatasetReads {
  failure: Error | undefined;
  readonly #parts: TableReadsParts;
  #underWay = 0;

  constructor(parts: TableReadsParts) {
    this.#parts = parts;
  }

  /** The namespace answers no more, for this reason. */
  close(failure: Error): void {
    this.failure ??= failure;
    this.#parts.logs.tellAll();
  }

  get isReading(): boolean {
    return this.#underWay > 0 || this.#parts.isReading();
  }

  durableHead(datasetId: bigint): LogPosition | undefined {
    return this.#parts.logs.head(datasetId);
  }

  recentChanges(
    datasetId: bigint,
    afterSeq: bigint,
    afterCheckpoint: bigint,
    maxBytes: number,
  ): StoredChanges | undefined {
    return this.#parts.logs.recent(datasetId, afterSeq, afterCheckpoint, maxBytes);
  }

  readChanges(
    datasetId: bigint,
    afterSeq: bigint,
    afterCheckpoint: bigint,
    maxBytes: number,
  ): Promise<StoredChanges> {
    return this.#read({ datasetId, kind: "changes", afterSeq, afterCheckpoint, maxBytes });
  }

  readRows(datasetId: bigint, afterKey: Uint8Array, limit: PageLimit): Promise<StoredPage> {
    return this.#read({ datasetId, kind: "page", prefix: NO_PREFIX, afterKey, limit });
  }

  onDataset(datasetId: bigint, listener: () => void): () => void {
    return this.#parts.logs.onMore(datasetId, listener);
  }

  onAck(subscriptionId: bigint, listener: (appliedSeq: bigint) => void): () => void {
    return this.#parts.acks.on(subscriptionId, listener);
  }

  scrubStatus(datasetId: bigint): ScrubStatus {
    return this.#parts.scrub.status(datasetId);
  }

  async #read<const R extends TableRead>(read: R): Promise<TableResults[R["kind"]]> {
    this.#underWay += 1;
    try {
      return (await this.#parts.journal.readTables([read])).results[0];
    } finally {
      this.#underWay -= 1;
    }
  }
}
