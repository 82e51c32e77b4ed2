import {
  type Dataset,
  lowestHeld,
  type NamespaceState,
  type Op,
  type OpKind,
  type Reply,
} from "@lockstep/core";
import type { Journal } from "../../journal/journal.ts";
import type { Clock, Timer } from "../../ports/clock.ts";
import { leaseNow } from "../lease-clock.ts";
import type { Pending } from "../namespace.ts";

/** How often each dataset is looked at. */
const LOOK_EVERY_MS = 10_000;

/** What the upkeep of logs works with. */
export interface LogUpkeepParts {
  readonly state: NamespaceState;
  readonly journal: Pick<Journal, "readTables" | "trimDataset" | "dropDataset" | "datasetIds">;
  readonly clock: Clock;
  readonly submit: <K extends OpKind>(op: Op<K>) => Pending<Reply<K>>;
}

/**
 * Drops what the policies of datasets do not keep. First the namespace decides it, and only when that is
 * durable the journal drops anything; what an earlier process has left is dropped after a start.
 */
export class LogUpkeep {
  readonly #parts: LogUpkeepParts;
  readonly #failed: (error: Error) => void;
  /** Datasets that are gone and whose tables are not. */
  #gone: bigint[] = [];
  #timer: Timer | undefined;
  #working = false;
  #closed = false;

  /** `failed` is called when the journal fails. */
  constructor(parts: LogUpkeepParts, failed: (error: Error) => void) {
    this.#parts = parts;
    this.#failed = failed;
  }

  /** Whether it is at work. */
  get isWorking(): boolean {
    return this.#working;
  }

  /** Finishes what an earlier process has left, and looks from then on every while. */
  start(): void {
    void this.#work(async () => {
      const { journal, state } = this.#parts;
      const ids = await journal.datasetIds();
      this.#gone.push(...ids.filter((id) => state.datasets.byId(id) === undefined));
      for (const { id, floor, droppedSeq } of state.datasets.values()) {
        await journal.trimDataset(id, floor.seq, droppedSeq);
      }
    });
  }

  /** The end of datasets is durable. */
  deleted(ids: readonly bigint[]): void {
    if (ids.length === 0) return;
    this.#gone.push(...ids);
    void this.#work();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  async #work(first: () => Promise<void> = async () => undefined): Promise<void> {
    if (this.#working || this.#closed) return;
    this.#working = true;
    this.#timer?.cancel();
    try {
      await first();
      await this.#look();
    } catch (error) {
      this.#failed(error instanceof Error ? error : new Error(String(error)));
    } finally {
      this.#working = false;
    }
    if (!this.#closed) this.#timer = this.#parts.clock.after(LOOK_EVERY_MS, () => this.#work());
  }

  async #look(): Promise<void> {
    const { journal, state } = this.#parts;
    for (const { id } of state.datasets.values()) {
      const dataset = state.datasets.byId(id);
      if (dataset !== undefined) await this.#trim(dataset);
    }
    for (let id = this.#gone.shift(); id !== undefined; id = this.#gone.shift()) {
      if (this.#closed) return;
      await journal.dropDataset(id);
    }
  }

  async #trim(dataset: Dataset): Promise<void> {
    const { journal, clock, submit } = this.#parts;
    const { id: datasetId, settings } = dataset;
    const nowMs = clock.unixMs();
    const { results } = await journal.readTables([
      {
        datasetId,
        kind: "unwanted",
        keepChanges: settings.retentionChanges,
        heldFromSeq: lowestHeld(dataset, leaseNow(clock)) ?? dataset.head.seq,
        changesBeforeMs: BigInt(nowMs - settings.retentionMs),
        recordsBeforeMs: BigInt(nowMs - settings.idempotencyRetentionMs),
      },
    ]);
    const [unwanted] = results;
    const isWanted =
      (unwanted.floor?.seq ?? 0n) <= dataset.floor.seq && unwanted.droppedSeq <= dataset.droppedSeq;
    if (isWanted || this.#closed) return;
    const before = [dataset.floor.seq, dataset.droppedSeq];
    const done = await submit<"trimLog">({ kind: "trimLog", datasetId, unwanted }).reply.then(
      () => true,
      () => false,
    );
    const { floor, droppedSeq } = dataset;
    if (!done || this.#closed || (before[0] === floor.seq && before[1] === droppedSeq)) return;
    await journal.trimDataset(datasetId, floor.seq, droppedSeq);
  }
}
