import type { LogPosition, ScrubStatus } from "@lockstep/protocol";
import type { Journal, PageLimit } from "../../journal/journal.ts";
import type { StoredChanges, StoredPage } from "../../journal/tables.ts";
import type { AckListeners } from "./ack-listeners.ts";
import type { DurableLogs } from "./durable-logs.ts";
import type { Scrub } from "./scrub.ts";

/** What is durable of datasets, for those who send it on. It has no place in the order. */
export interface DatasetReads {
  /** Where a log durably ends; undefined when there is no such dataset, or not any more. */
  durableHead(datasetId: bigint): LogPosition | undefined;
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
  /** How far the server has looked at its own rows. */
  scrubStatus(datasetId: bigint): ScrubStatus;
}

const NO_PREFIX = new Uint8Array();

/** Reads what is durable from the journal's tables. */
export function datasetReads(
  journal: Pick<Journal, "readTables">,
  logs: DurableLogs,
  acks: AckListeners,
  scrub: Scrub,
): DatasetReads {
  return {
    durableHead: (datasetId) => logs.head(datasetId),
    async readChanges(datasetId, afterSeq, afterCheckpoint, maxBytes) {
      const recent = logs.recent(datasetId, afterSeq, afterCheckpoint, maxBytes);
      if (recent !== undefined) return recent;
      const read = { datasetId, kind: "changes", afterSeq, afterCheckpoint, maxBytes } as const;
      return (await journal.readTables([read])).results[0];
    },
    async readRows(datasetId, afterKey, limit) {
      const read = { datasetId, kind: "page", prefix: NO_PREFIX, afterKey, limit } as const;
      return (await journal.readTables([read])).results[0];
    },
    onDataset: (datasetId, listener) => logs.onMore(datasetId, listener),
    onAck: (subscriptionId, listener) => acks.on(subscriptionId, listener),
    scrubStatus: (datasetId) => scrub.status(datasetId),
  };
}
