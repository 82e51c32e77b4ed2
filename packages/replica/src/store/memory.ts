import { textOf } from "../rows.ts";
import { MemoryTable } from "./memory-table.ts";
import { MemoryTx, type MemoryUser } from "./memory-tx.ts";
import type {
  DeadLetter,
  Loaded,
  Progress,
  ReadRow,
  ReadRows,
  StagedProgress,
  Store,
  StoreTx,
} from "./store.ts";

/** What a memory store holds; a transaction works on what it will be and swaps it in at the end. */
export interface MemoryState {
  published: MemoryTable;
  staged: MemoryTable;
  progress: Progress | undefined;
  stagedProgress: StagedProgress | undefined;
  letters: Map<number, DeadLetter>;
  lastLetter: number;
  readonly user: Map<string, unknown>;
}

/** What may be done about a commit, by tests: throw before it, and after it. */
export interface MemoryStoreHooks {
  /** Called when a transaction has done its work. What it throws undoes it. */
  beforeCommit?: () => void;
  /** Called when a transaction is committed. What it throws is thrown although it is. */
  afterCommit?: () => void;
}

/**
 * A store in memory: gone with the process, so a replica on it starts with a snapshot. Handed to another replica after
 * the first was closed, it goes on from where that was.
 */
export class MemoryStore implements Store<MemoryUser> {
  readonly #state: MemoryState = {
    published: new MemoryTable(),
    staged: new MemoryTable(),
    progress: undefined,
    stagedProgress: undefined,
    letters: new Map(),
    lastLetter: 0,
    user: new Map(),
  };
  readonly #hooks: MemoryStoreHooks;
  #last: Promise<unknown> = Promise.resolve();

  constructor(hooks: MemoryStoreHooks = {}) {
    this.#hooks = hooks;
  }

  /** What the user's `apply` has committed. */
  get user(): ReadonlyMap<string, unknown> {
    return this.#state.user;
  }

  async load(): Promise<Loaded> {
    const { published, staged, progress, stagedProgress } = this.#state;
    return {
      published: progress && { progress, buckets: [...published.buckets.values()] },
      staged: stagedProgress && { progress: stagedProgress, buckets: [...staged.buckets.values()] },
      letters: await this.letters(),
    };
  }

  transaction<T>(work: (tx: StoreTx<MemoryUser>) => T | Promise<T>): Promise<T> {
    const run = async () => {
      const tx = new MemoryTx(this.#state);
      const result = await work(tx);
      this.#hooks.beforeCommit?.();
      tx.commit();
      this.#hooks.afterCommit?.();
      return result;
    };
    const done = this.#last.then(run, run);
    this.#last = done.catch(() => {});
    return done;
  }

  async get(key: Uint8Array): Promise<ReadRow> {
    const { progress, published } = this.#state;
    return { appliedSeq: progress?.cursor.seq ?? 0n, row: published.get(textOf(key)) };
  }

  async scan(prefix: Uint8Array, afterKey: Uint8Array, limit: number): Promise<ReadRows> {
    const { progress, published } = this.#state;
    const rows = published.scan(prefix, afterKey, limit + 1);
    return {
      appliedSeq: progress?.cursor.seq ?? 0n,
      rows: rows.slice(0, limit),
      more: rows.length > limit,
    };
  }

  async rowsOfBuckets(first: number, end: number) {
    return this.#state.published.rowsOfBuckets(first, end);
  }

  async letters(): Promise<DeadLetter[]> {
    return [...this.#state.letters.values()];
  }

  async close(): Promise<void> {
    await this.#last;
  }
}
