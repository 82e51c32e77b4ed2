import { type Bucket, type StoredRow, textOf } from "../rows.ts";
import type { MemoryState } from "./memory.ts";
import { MemoryTable } from "./memory-table.ts";
import type {
  Difference,
  NewDeadLetter,
  Progress,
  StagedProgress,
  StoreTx,
  TableTx,
} from "./store.ts";

/** The user's own table in a memory store: anything by name, in the same transaction as the rows. */
export interface MemoryUser {
  get(name: string): unknown;
  set(name: string, value: unknown): void;
  delete(name: string): void;
}

/** What a transaction will do to a memory store, done at once by `commit` and until then seen by nobody else. */
export class MemoryTx implements StoreTx<MemoryUser> {
  readonly user: MemoryUser;
  readonly published: TableOverlay;
  staged: TableOverlay;
  readonly #state: MemoryState;
  readonly #written = new Map<string, unknown>();
  readonly #steps: ((state: MemoryState) => void)[] = [];
  #publishes = false;
  #discards = false;

  constructor(state: MemoryState) {
    this.#state = state;
    this.published = new TableOverlay(state.published);
    this.staged = new TableOverlay(state.staged);
    this.user = {
      get: (name) => (this.#written.has(name) ? this.#written.get(name) : state.user.get(name)),
      set: (name, value) => void this.#written.set(name, value),
      delete: (name) => void this.#written.set(name, undefined),
    };
  }

  setProgress(progress: Progress): void {
    this.#steps.push((state) => {
      state.progress = progress;
    });
  }

  setStaged(progress: StagedProgress): void {
    this.#steps.push((state) => {
      state.stagedProgress = progress;
    });
  }

  discardStaged(): void {
    this.#discards = true;
    this.staged = new TableOverlay(new MemoryTable());
    this.#steps.push((state) => {
      state.stagedProgress = undefined;
    });
  }

  *differences(): Iterable<Difference> {
    const keys = new Set([...this.#state.published.keys(), ...this.staged.keys()]);
    for (const name of [...keys].sort()) {
      const before = this.published.named(name);
      const after = this.staged.named(name);
      const key = (before ?? after)?.key;
      if (key && !sameEntry(before, after)) yield { key, before, after };
    }
  }

  publish(): void {
    this.#publishes = true;
    this.#steps.push((state) => {
      state.stagedProgress = undefined;
    });
  }

  requireOpen(): void {}

  park(letter: NewDeadLetter): void {
    this.#steps.push((state) => {
      state.lastLetter += 1;
      state.letters.set(state.lastLetter, { ...letter, id: state.lastLetter });
    });
  }

  unpark(id: number): void {
    this.#steps.push((state) => state.letters.delete(id));
  }

  commit(): void {
    const state = this.#state;
    if (this.#discards) state.staged = new MemoryTable();
    this.published.writeTo(state.published);
    this.staged.writeTo(state.staged);
    if (this.#publishes) {
      state.published = state.staged;
      state.staged = new MemoryTable();
    }
    for (const step of this.#steps) step(state);
    for (const [name, value] of this.#written) {
      if (value === undefined) state.user.delete(name);
      else state.user.set(name, value);
    }
  }
}

class TableOverlay implements TableTx {
  readonly #base: MemoryTable;
  readonly #rows = new Map<string, StoredRow | undefined>();
  readonly #buckets = new Map<number, Bucket>();

  constructor(base: MemoryTable) {
    this.#base = base;
  }

  row(key: Uint8Array): StoredRow | undefined {
    return this.named(textOf(key));
  }

  named(name: string): StoredRow | undefined {
    return this.#rows.has(name) ? this.#rows.get(name) : this.#base.get(name);
  }

  *keys(): Iterable<string> {
    yield* this.#base.keys();
    yield* this.#rows.keys();
  }

  put(row: StoredRow): void {
    this.#rows.set(textOf(row.key), row);
  }

  delete(key: Uint8Array): void {
    this.#rows.set(textOf(key), undefined);
  }

  setBuckets(buckets: readonly Bucket[]): void {
    for (const bucket of buckets) this.#buckets.set(bucket.bucket, bucket);
  }

  writeTo(table: MemoryTable): void {
    for (const [name, row] of this.#rows) table.set(name, row);
    for (const [number, bucket] of this.#buckets) {
      if (bucket.count === 0) table.buckets.delete(number);
      else table.buckets.set(number, bucket);
    }
  }
}

function sameEntry(before: StoredRow | undefined, after: StoredRow | undefined): boolean {
  if (!before || !after) return before === after;
  return textOf(before.entryHash) === textOf(after.entryHash);
}
