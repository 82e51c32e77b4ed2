import type { Dataset } from "@lockstep/core";
import type { Change, Event, LogPosition } from "@lockstep/protocol";
import type { StoredChanges } from "../../journal/tables.ts";
import { RecentLog } from "./recent-log.ts";

/** Where a dataset's log durably ends, and who wants to know that there is more. */
interface DurableLog {
  head: LogPosition;
  readonly listeners: Set<() => void>;
  /** Kept only while somebody listens. */
  readonly recent: RecentLog;
}

/** The durable ends of all logs: what may leave the server. */
export class DurableLogs {
  readonly #byId = new Map<bigint, DurableLog>();

  /** Begins with what is durable: datasets as they were recovered. */
  constructor(datasets: readonly Dataset[]) {
    for (const { id, head } of datasets) {
      this.#byId.set(id, newLog(head));
    }
  }

  /** The durable head; undefined when there is no such dataset, or not any more. */
  head(datasetId: bigint): LogPosition | undefined {
    return this.#byId.get(datasetId)?.head;
  }

  /** What follows a seq, from memory; undefined when it has to be read. */
  recent(
    datasetId: bigint,
    afterSeq: bigint,
    afterCheckpoint: bigint,
    maxBytes: number,
  ): StoredChanges | undefined {
    return this.#byId.get(datasetId)?.recent.read(afterSeq, afterCheckpoint, maxBytes);
  }

  /**
   * Calls `listener` whenever there may be more to read: an append, a checkpoint, the end of the dataset.
   * Returns the way to stop.
   */
  onMore(datasetId: bigint, listener: () => void): () => void {
    const listeners = this.#byId.get(datasetId)?.listeners;
    // Of its own, so that the same function may listen twice.
    const entry = () => listener();
    listeners?.add(entry);
    return () => listeners?.delete(entry);
  }

  /** Calls all listeners. */
  tellAll(): void {
    for (const { listeners } of this.#byId.values()) for (const tell of [...listeners]) tell();
  }

  /** Takes what has become durable. Returns the datasets that were deleted. */
  committed(events: readonly Event[]): readonly bigint[] {
    let changed: Set<DurableLog> | undefined;
    const deleted: bigint[] = [];
    for (const event of events) {
      const { body } = event;
      const log = this.#take(event);
      if (log !== undefined) changed = (changed ?? new Set()).add(log);
      if (body.case === "datasetDeleted") deleted.push(body.value.datasetId);
    }
    if (changed !== undefined) {
      for (const { listeners } of changed) for (const listener of [...listeners]) listener();
    }
    return deleted;
  }

  #take({ body, journalOnly }: Event): DurableLog | undefined {
    switch (body.case) {
      case "datasetCreated": {
        const { datasetId, logHash } = body.value;
        this.#byId.set(datasetId, newLog({ seq: 0n, logHash }));
        return undefined;
      }
      case "datasetDeleted": {
        const log = this.#byId.get(body.value.datasetId);
        this.#byId.delete(body.value.datasetId);
        return log;
      }
      case "appended":
      case "datasetUpdated":
        return this.#moved(
          body.value.datasetId,
          (journalOnly?.changes ?? []).flatMap(({ change }) => change ?? []),
          body.value.logHash,
        );
      case "datasetCheckpointed": {
        const log = this.#byId.get(body.value.datasetId);
        if (body.value.checkpoint !== undefined) log?.recent.addCheckpoint(body.value.checkpoint);
        return log;
      }
      default:
        return undefined;
    }
  }

  #moved(
    datasetId: bigint,
    changes: readonly Change[],
    logHash: Uint8Array,
  ): DurableLog | undefined {
    const log = this.#byId.get(datasetId);
    const seq = changes.at(-1)?.seq;
    if (log === undefined || seq === undefined) return undefined;
    log.head = positionOf({ seq, logHash });
    if (log.listeners.size > 0) log.recent.add(changes, logHash);
    else log.recent.clear();
    return log;
  }
}

function newLog(head: { seq: bigint; logHash: Uint8Array }): DurableLog {
  return { head: positionOf(head), listeners: new Set(), recent: new RecentLog() };
}

function positionOf({ seq, logHash }: { seq: bigint; logHash: Uint8Array }): LogPosition {
  return { $typeName: "lockstep.v1.LogPosition", seq, logHash };
}
