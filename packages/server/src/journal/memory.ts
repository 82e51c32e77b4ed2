import { Durability } from "@lockstep/protocol";
import { checkBatch } from "./check-batch.ts";
import {
  type Journal,
  type JournalBatch,
  JournalDeposedError,
  type JournalFilter,
  type JournalPage,
  type JournalPosition,
  type JournalRecord,
  type JournalState,
  JournalUnknownError,
  type PageLimit,
} from "./journal.ts";
import { justBelow, larger, lineageStart } from "./lineage.ts";

/**
 * How an append can go wrong on demand.
 *
 * - `written`: the batch is durable, yet the append ends unknown.
 * - `not-written`: the append ends unknown and nothing of the batch is there.
 * - `torn`: the append ends unknown and half the batch was written; the next `crash` drops that half.
 * - `deposed`: somebody else writes; nothing of the batch is there.
 */
export type MemoryJournalFault = "written" | "not-written" | "torn" | "deposed";

/** How a memory journal begins. */
export interface MemoryJournalOptions {
  /** Begin a new lineage, at this revision and epoch or above what the journal holds. */
  readonly newLineage?: JournalPosition;
}

interface StoredBatch {
  readonly batch: JournalBatch;
  readonly floor: bigint;
}

interface Waiting {
  readonly batch: JournalBatch;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

/**
 * A journal in memory, for tests and simulation. Appends settle at once, in order, or, after `hold`,
 * one by one when the test says so; the next one can be made to fail, and `crash` gives the journal a
 * new process would find. Nothing in it depends on time or chance.
 */
export class MemoryJournal implements Journal {
  readonly durability: Durability = Durability.NONE;
  /** Whether a torn last batch was dropped when this journal was opened after a crash. */
  readonly droppedTornBatch: boolean;
  readonly #stored: StoredBatch[];
  readonly #records: JournalRecord[];
  readonly #waiting: Waiting[] = [];
  #held = false;
  #fault: MemoryJournalFault | undefined;
  #torn = false;
  #failure: Error | undefined;
  #closed = false;
  #state: JournalState;
  /** As `#state`, appends under way included. */
  #proposed: { tail: bigint; known: JournalPosition };
  #idle: (() => void)[] = [];

  constructor(
    options: MemoryJournalOptions = {},
    stored: readonly StoredBatch[] = [],
    torn = false,
  ) {
    this.#stored = [...stored];
    this.#records = stored.flatMap(({ batch }) => batch.records);
    this.droppedTornBatch = torn;
    this.#state = openedState(stored.at(-1), options.newLineage);
    this.#proposed = { tail: this.#state.tail, known: this.#state.highest };
  }

  /** How many appends wait to be settled. */
  get pending(): number {
    return this.#waiting.length;
  }

  state(): JournalState {
    return this.#state;
  }

  async append(expectedTail: bigint, batch: JournalBatch): Promise<void> {
    if (this.#closed) throw new JournalUnknownError("The journal is closed.");
    if (this.#failure !== undefined) throw this.#failure;
    if (expectedTail !== this.#proposed.tail) {
      this.#failure = deposed(this.#proposed.tail, expectedTail);
      throw this.#failure;
    }
    checkBatch(batch, this.#proposed.known);
    const revision = lastRevision(batch);
    this.#proposed = { tail: revision, known: { revision, epoch: batch.epoch } };
    const settled = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ batch: copyBatch(batch), resolve, reject });
    });
    if (!this.#held) this.settleNext();
    await settled;
  }

  async read(
    after: bigint,
    limit: PageLimit,
    filter: JournalFilter = { kind: "all" },
  ): Promise<JournalPage> {
    if (this.#closed) throw new JournalUnknownError("The journal is closed.");
    if (this.#failure !== undefined) throw this.#failure;
    const records: JournalRecord[] = [];
    let bytes = 0;
    for (const record of this.#records) {
      if (record.revision <= after || !matches(record, filter)) continue;
      bytes += record.bytes.length;
      const full = records.length >= limit.maxRecords || bytes > limit.maxBytes;
      if (full && records.length > 0) {
        return { records, scannedTo: record.revision - 1n, more: true };
      }
      records.push(record);
    }
    return { records, scannedTo: larger(after, this.#state.tail), more: false };
  }

  async freeBytes(): Promise<undefined> {
    return undefined;
  }

  async close(): Promise<void> {
    this.#closed = true;
    if (this.#waiting.length > 0) await new Promise<void>((done) => this.#idle.push(done));
  }

  /** From now on appends wait for `settleNext` or `resume`. */
  hold(): void {
    this.#held = true;
  }

  /** Settles the oldest append that waits. Returns whether there was one. */
  settleNext(): boolean {
    const next = this.#waiting.shift();
    if (next === undefined) return false;
    const fault = this.#fault;
    this.#fault = undefined;
    if (this.#failure === undefined && fault !== undefined) this.#failure = this.#fail(next, fault);
    if (this.#failure === undefined) {
      this.#store(next.batch);
      next.resolve();
    } else {
      next.reject(this.#failure);
    }
    if (this.#waiting.length === 0) for (const done of this.#idle.splice(0)) done();
    return true;
  }

  /** Settles everything that waits, in order, and holds no longer. */
  resume(): void {
    this.#held = false;
    while (this.settleNext());
  }

  /** Makes the next append that settles fail, and by the contract all after it. */
  failNext(fault: MemoryJournalFault): void {
    this.#fault = fault;
  }

  /**
   * The end of the process: appends that wait never settle, and the journal returned holds exactly what
   * was durable.
   * @param written how many of the appends that wait had reached the disk all the same; default none
   */
  crash(options: MemoryJournalOptions & { readonly written?: number } = {}): MemoryJournal {
    const written = this.#failure === undefined ? (options.written ?? 0) : 0;
    for (const { batch } of this.#waiting.splice(0, written)) this.#store(batch);
    this.#waiting.length = 0;
    this.#failure ??= new JournalUnknownError("The process of this journal has ended.");
    return new MemoryJournal(options, this.#stored, this.#torn);
  }

  #fail({ batch }: Waiting, fault: MemoryJournalFault): Error {
    if (fault === "deposed") return deposed(lastRevision(batch), this.#state.tail);
    if (fault === "written") this.#store(batch);
    if (fault === "torn") this.#torn = true;
    return new JournalUnknownError(`The journal was told to fail: ${fault}.`);
  }

  #store(batch: JournalBatch): void {
    const { floor } = this.#state;
    this.#stored.push({ batch, floor });
    this.#records.push(...batch.records);
    this.#state = stateAt(batch, floor);
  }
}

function openedState(
  last: StoredBatch | undefined,
  newLineage: JournalPosition | undefined,
): JournalState {
  const nothing = { revision: 0n, epoch: 0n };
  const kept: JournalState = last
    ? stateAt(last.batch, last.floor)
    : { tail: 0n, epoch: 0n, floor: 0n, highest: nothing };
  if (newLineage === undefined) return kept;
  const highest = justBelow(lineageStart(newLineage, kept.highest));
  return { ...kept, floor: highest.revision, highest };
}

function stateAt(batch: JournalBatch, floor: bigint): JournalState {
  const revision = lastRevision(batch);
  return { tail: revision, epoch: batch.epoch, floor, highest: { revision, epoch: batch.epoch } };
}

function lastRevision(batch: JournalBatch): bigint {
  return batch.records.at(-1)?.revision ?? 0n;
}

/** What is kept must not change when the caller re-uses its buffers. */
function copyBatch({ epoch, records }: JournalBatch): JournalBatch {
  const copyRecord = ({ revision, bytes, keys }: JournalRecord) => ({
    revision,
    bytes: new Uint8Array(bytes),
    keys: [...keys],
  });
  return { epoch, records: records.map(copyRecord) };
}

function deposed(tail: bigint, expected: bigint): JournalDeposedError {
  return new JournalDeposedError(
    `The journal ends at revision ${tail}, not at ${expected} as this writer believes.`,
  );
}

function matches({ keys }: JournalRecord, filter: JournalFilter): boolean {
  if (filter.kind === "all") return true;
  if (filter.kind === "keys") return keys.some((key) => filter.keys.includes(key));
  return keys.some((key) => key.startsWith(filter.prefix));
}
