import { Durability } from "@lockstep/protocol";
import { checkBatch } from "./check-batch.ts";
import { checkChunk, checkFloor, checkSnapshot } from "./check-snapshot.ts";
import {
  type Journal,
  type JournalBatch,
  JournalDeposedError,
  type JournalFilter,
  type JournalPage,
  type JournalPosition,
  type JournalSnapshot,
  type JournalState,
  JournalUnknownError,
  type PageLimit,
  type StoredSnapshot,
} from "./journal.ts";
import { larger } from "./lineage.ts";
import { MemoryCalls, type MemoryJournalCall, type MemoryJournalFault } from "./memory-calls.ts";
import { copyBatch, MemoryDisk, type MemorySnapshot } from "./memory-disk.ts";
import type { ResultsOf, TableRead, TablesAsOf } from "./tables.ts";

export type { MemoryJournalCall, MemoryJournalFault } from "./memory-calls.ts";

/** How a memory journal begins. */
export interface MemoryJournalOptions {
  /** Begin a new lineage, at this revision and epoch or above what the journal holds. */
  readonly newLineage?: JournalPosition;
}

/** What had happened on the disk when the process ended. */
export interface MemoryCrash extends MemoryJournalOptions {
  /** How many of the calls that waited had reached the disk all the same. Default none. */
  readonly written?: number;
  /** Whether a part of the next one had: half a batch or snapshot, which is dropped. Default no. */
  readonly torn?: boolean;
}

/**
 * A journal in memory, for tests and simulation. Calls settle at once, in order, or, after `hold`, one
 * by one when the test says so; the next call of any kind can be made to fail, and `crash` gives the
 * journal a new process would find. Nothing in it depends on time or chance.
 */
export class MemoryJournal implements Journal {
  readonly durability: Durability = Durability.NONE;
  /** Whether a torn last batch was dropped when this journal was opened after a crash. */
  readonly droppedTornBatch: boolean;
  readonly #disk: MemoryDisk;
  readonly #calls = new MemoryCalls();
  #state: JournalState;
  /** As `#state`, appends under way included. */
  #proposed: { tail: bigint; known: JournalPosition };
  #writingSnapshot = false;
  #closed = false;

  constructor(options: MemoryJournalOptions = {}, disk = new MemoryDisk()) {
    this.#disk = disk;
    this.droppedTornBatch = disk.takeTorn();
    this.#state = disk.open(options.newLineage);
    this.#proposed = { tail: this.#state.tail, known: this.#state.highest };
  }

  /** How many calls wait to be settled. */
  get pending(): number {
    return this.#calls.pending;
  }

  state(): JournalState {
    return this.#state;
  }

  async append(expectedTail: bigint, batch: JournalBatch): Promise<void> {
    this.#checkUsable();
    if (expectedTail !== this.#proposed.tail) {
      throw this.#calls.fail(deposed(this.#proposed.tail, expectedTail));
    }
    checkBatch(batch, this.#proposed.known);
    const revision = batch.records.at(-1)?.revision ?? expectedTail;
    this.#proposed = { tail: revision, known: { revision, epoch: batch.epoch } };
    const copy = copyBatch(batch);
    const { floor } = this.#state;
    const store = (whole: boolean) => {
      if (whole) this.#state = this.#disk.append(copy, floor);
      else this.#disk.tear();
    };
    await this.#call("append", () => store(true), store);
  }

  async read(
    after: bigint,
    limit: PageLimit,
    filter: JournalFilter = { kind: "all" },
  ): Promise<JournalPage> {
    this.#checkUsable();
    return await this.#call("read", () => {
      const page = this.#disk.read(after, limit, filter);
      return page.more ? page : { ...page, scannedTo: larger(after, this.#state.tail) };
    });
  }

  async writeSnapshot({ revision, epoch, chunks }: JournalSnapshot): Promise<void> {
    this.#checkUsable();
    if (this.#writingSnapshot) throw new RangeError("another snapshot is being written");
    checkSnapshot({ revision, epoch }, this.#state);
    this.#writingSnapshot = true;
    try {
      const snapshot = { revision, epoch, chunks: await copyChunks(chunks) };
      this.#checkUsable();
      const store = (whole: boolean) => {
        if (whole) this.#keep(this.#disk.replaceSnapshot(snapshot));
      };
      await this.#call("writeSnapshot", () => store(true), store);
    } finally {
      this.#writingSnapshot = false;
    }
  }

  async readSnapshot(): Promise<StoredSnapshot | undefined> {
    this.#checkUsable();
    return await this.#call("readSnapshot", () => {
      const { snapshot } = this.#disk;
      return snapshot && { ...snapshot, chunks: this.#chunksOf(snapshot) };
    });
  }

  async compact(floor: bigint): Promise<void> {
    this.#checkUsable();
    checkFloor(floor, this.#state);
    this.#state = { ...this.#state, floor: larger(floor, this.#state.floor) };
    const drop = (whole: boolean) => {
      this.#keep(this.#disk.compact(this.#state.floor, whole));
    };
    await this.#call("compact", () => drop(true), drop);
  }

  async readTables<const R extends readonly TableRead[]>(reads: R): Promise<TablesAsOf<R>> {
    this.#checkUsable();
    return await this.#call("readTables", () => {
      const results = reads.map((read) => this.#disk.tables.read(read)) as unknown as ResultsOf<R>;
      return { revision: this.#state.tail, results };
    });
  }

  async trimDataset(datasetId: bigint, floorSeq: bigint, droppedSeq: bigint): Promise<void> {
    this.#checkUsable();
    const trim = (whole: boolean) =>
      this.#disk.tables.trim(datasetId, whole ? floorSeq : floorSeq / 2n, droppedSeq);
    await this.#call("trim", () => trim(true), trim);
  }

  async dropDataset(datasetId: bigint): Promise<void> {
    this.#checkUsable();
    const drop = (whole: boolean) => {
      if (whole) this.#disk.tables.drop(datasetId);
    };
    await this.#call("trim", () => drop(true), drop);
  }

  async datasetIds(): Promise<bigint[]> {
    this.#checkUsable();
    return await this.#call("readTables", () => this.#disk.tables.datasetIds());
  }

  /** Changes a byte of a stored row of a dataset. Returns whether there is such a row. */
  damageRow(datasetId: bigint, key: Uint8Array): boolean {
    return this.#disk.tables.damage(datasetId, key);
  }

  async freeBytes(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#calls.idle();
  }

  /** From now on calls of these kinds wait for `settleNext` or `resume`. Default: appends. */
  hold(...kinds: readonly MemoryJournalCall[]): void {
    this.#calls.hold(kinds.length === 0 ? ["append"] : kinds);
  }

  /** Settles the oldest call that waits, or the oldest of a kind. Returns whether there was one. */
  settleNext(kind?: MemoryJournalCall): boolean {
    return this.#calls.settleNext(kind);
  }

  /** Settles everything that waits, in order, and holds no longer. */
  resume(): void {
    this.#calls.release();
  }

  /** Makes the next call of a kind that settles fail, and by the contract all after it. */
  failNext(fault: MemoryJournalFault, kind: MemoryJournalCall = "append"): void {
    this.#calls.failNext(fault, kind);
  }

  /**
   * The end of the process: calls that wait never settle, and the journal returned holds exactly what
   * was durable.
   */
  crash({ written = 0, torn = false, ...options }: MemoryCrash = {}): MemoryJournal {
    this.#calls.crash(written, torn);
    return new MemoryJournal(options, this.#disk.copy());
  }

  async *#chunksOf(snapshot: MemorySnapshot): AsyncGenerator<Uint8Array> {
    for (const chunk of snapshot.chunks) {
      this.#checkUsable();
      if (this.#disk.snapshot !== snapshot)
        throw new Error("the snapshot was replaced by a newer one");
      yield Uint8Array.from(chunk);
    }
  }

  /** Takes over what a call that appends nothing has changed; a lineage may not have begun yet. */
  #keep(state: JournalState): void {
    const { floor, highest } = this.#state;
    this.#state = { ...state, floor: larger(floor, state.floor), highest };
  }

  #call<T>(
    kind: MemoryJournalCall,
    work: () => T,
    reachDisk: (whole: boolean) => void = () => undefined,
  ): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#calls.add({
        kind,
        finish: () => resolve(work()),
        reachDisk,
        reject,
        deposed: () => deposed(this.#state.tail + 1n, this.#state.tail),
      });
    });
  }

  #checkUsable(): void {
    if (this.#closed) throw new JournalUnknownError("The journal is closed.");
    if (this.#calls.failure !== undefined) throw this.#calls.failure;
  }
}

/** What is kept must not change when the caller re-uses its buffers. */
async function copyChunks(chunks: JournalSnapshot["chunks"]): Promise<Uint8Array[]> {
  const copies: Uint8Array[] = [];
  for await (const chunk of chunks) {
    checkChunk(chunk, copies.length);
    copies.push(Uint8Array.from(chunk));
  }
  if (copies.length === 0) throw new RangeError("a snapshot has at least one chunk");
  return copies;
}

function deposed(tail: bigint, expected: bigint): JournalDeposedError {
  return new JournalDeposedError(
    `The journal ends at revision ${tail}, not at ${expected} as this writer believes.`,
  );
}
