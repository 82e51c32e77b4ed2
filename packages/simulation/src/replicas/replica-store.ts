import {
  type Loaded,
  MemoryStore,
  type MemoryUser,
  type ReadRow,
  type ReadRows,
  type Store,
  type StoredRow,
  type StoreTx,
} from "@lockstep/replica";
import type { Chance } from "../chance.ts";
import type { SimProcess } from "../time/sim-process.ts";

/** At most so many rows are read at once: more than a run ever has. */
const ROWS_MAX = 10_000;
const NO_BYTES = new Uint8Array();

/** What became of a transaction. */
export interface StoreObserver {
  committed(loaded: Loaded, rows: ReadRows): void;
}

/** The disk of a replica's machine: what its processes have committed, and how long that takes. */
export class ReplicaDisk {
  /** How long half a transaction takes at least, milliseconds: as long before the commit as after it. */
  latencyMs: number;
  readonly #chance: Chance;
  #memory = new MemoryStore();
  #backup: MemoryStore | undefined;

  constructor(latencyMs: number, chance: Chance) {
    this.latencyMs = latencyMs;
    this.#chance = chance;
  }

  /** What is there, for a process. */
  get memory(): MemoryStore {
    return this.#memory;
  }

  tookMs(): number {
    return this.latencyMs * (1 + this.#chance.fraction());
  }

  /** Keeps a copy of what is there now. */
  async backUp(): Promise<void> {
    this.#backup = await copyOf(this.#memory);
  }

  /** Puts the last copy back, or an empty disk. Nobody may run on it. */
  async restore(): Promise<void> {
    this.#memory = this.#backup === undefined ? new MemoryStore() : await copyOf(this.#backup);
  }

  /** Nothing is left. */
  lose(): void {
    this.#memory = new MemoryStore();
  }

  /** Changes, adds or removes a row where no process sees it: that of `key`, or any. Returns whether there was anything. */
  async damage(how: string, key?: string): Promise<boolean> {
    const { published } = await this.#memory.load();
    const { rows } = await this.#memory.scan(NO_BYTES, NO_BYTES, ROWS_MAX);
    const named = rows.find((row) => Buffer.from(row.key).toString() === key);
    const victim = (named ?? rows[this.#chance.whole(0, Math.max(0, rows.length - 1))]) as
      | StoredRow
      | undefined;
    if (published === undefined || victim === undefined) return false;
    await this.#memory.transaction((tx) => {
      if (how === "missing") tx.published.delete(victim.key);
      else if (how === "divergent") tx.published.put({ ...victim, value: Buffer.from("damaged") });
      else tx.published.put({ ...victim, key: Buffer.from("stranger") });
    });
    return true;
  }
}

/** The store of one process of a replica: its machine's disk, which takes time and on which a crash may fall anywhere. */
export class ReplicaStore implements Store<MemoryUser> {
  readonly #disk: ReplicaDisk;
  readonly #memory: MemoryStore;
  readonly #process: SimProcess;
  readonly #observer: StoreObserver;
  #last: Promise<unknown> = Promise.resolve();

  constructor(disk: ReplicaDisk, process: SimProcess, observer: StoreObserver) {
    this.#disk = disk;
    this.#memory = disk.memory;
    this.#process = process;
    this.#observer = observer;
  }

  load(): Promise<Loaded> {
    return this.#memory.load();
  }

  transaction<T>(work: (tx: StoreTx<MemoryUser>) => T | Promise<T>): Promise<T> {
    const run = async () => {
      await this.#takes();
      const result = await this.#memory.transaction(work);
      this.#observer.committed(await this.load(), await this.scan(NO_BYTES, NO_BYTES, ROWS_MAX));
      await this.#takes();
      return result;
    };
    const done = this.#last.then(run, run);
    this.#last = done.catch(() => {});
    return done;
  }

  get(key: Uint8Array): Promise<ReadRow> {
    return this.#memory.get(key);
  }

  scan(prefix: Uint8Array, afterKey: Uint8Array, limit: number): Promise<ReadRows> {
    return this.#memory.scan(prefix, afterKey, limit);
  }

  rowsOfBuckets(first: number, end: number) {
    return this.#memory.rowsOfBuckets(first, end);
  }

  letters() {
    return this.#memory.letters();
  }

  async close(): Promise<void> {
    await this.#last;
  }

  #takes(): Promise<void> {
    return new Promise((resolve) => this.#process.after(this.#disk.tookMs(), resolve));
  }
}

async function copyOf(memory: MemoryStore): Promise<MemoryStore> {
  const copy = new MemoryStore();
  const { published, letters } = await memory.load();
  if (published === undefined) return copy;
  const rows = await Promise.all(
    published.buckets.map(({ bucket }) => memory.rowsOfBuckets(bucket, bucket + 1)),
  );
  await copy.transaction((tx) => {
    for (const row of rows.flat()) tx.published.put(row);
    for (const [name, value] of memory.user) tx.user.set(name, value);
    for (const letter of letters) tx.park(letter);
    tx.published.setBuckets(published.buckets);
    tx.setProgress(published.progress);
  });
  return copy;
}
