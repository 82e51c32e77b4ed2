import { DigestAccumulator, type Sha256 } from "@lockstep/protocol";
import { DigestChanges } from "./digest/digest-changes.ts";
import { Hashes } from "./digest/hashes.ts";
import type { Bucket } from "./rows.ts";
import { textOf } from "./rows.ts";
import type {
  DeadLetter,
  Loaded,
  Progress,
  StagedProgress,
  Store,
  StoreTx,
  TableTx,
} from "./store/store.ts";

/** Rows with their digest, and how far they are. */
export interface Holding<P> {
  readonly progress: P;
  readonly digest: DigestAccumulator;
  readonly hashes: Hashes;
}

/** What a work on one table may change; counted when its transaction is committed. */
export interface Writing<Tx, P> {
  readonly tx: StoreTx<Tx>;
  readonly table: TableTx;
  readonly digest: DigestChanges;
  /** How far the rows are after it. */
  setProgress(progress: P): void;
}

/**
 * What a replica has: its store, and in memory the digests and how far the rows are. Rows, digest and progress change
 * in one transaction or not at all.
 */
export class Holdings<Tx> {
  readonly store: Store<Tx>;
  readonly #dataset: string;
  readonly #sha256: Sha256;
  #published: Holding<Progress> | undefined;
  #staged: Holding<StagedProgress> | undefined;
  #letters: readonly DeadLetter[] = [];
  #parkedKeys = new Set<string>();

  constructor(store: Store<Tx>, dataset: string, sha256: Sha256) {
    this.store = store;
    this.#dataset = dataset;
    this.#sha256 = sha256;
  }

  /** What readers see; undefined before a snapshot was published. */
  get published(): Holding<Progress> | undefined {
    return this.#published;
  }

  /** The snapshot that is being taken over. */
  get staged(): Holding<StagedProgress> | undefined {
    return this.#staged;
  }

  /** All parked changes. */
  get letters(): readonly DeadLetter[] {
    return this.#letters;
  }

  /** Whether changes of this key are parked. */
  hasParked(key: Uint8Array): boolean {
    return this.#parkedKeys.size > 0 && this.#parkedKeys.has(textOf(key));
  }

  /** Takes what the store has, whatever was here before. */
  async load(): Promise<void> {
    const loaded: Loaded = await this.store.load();
    this.#published = this.#holding(loaded.published);
    this.#staged = this.#holding(loaded.staged);
    this.#take(loaded.letters);
  }

  /** Writes published rows. */
  writePublished<T>(work: (writing: Writing<Tx, Progress>) => T | Promise<T>): Promise<T> {
    const holding = this.#published;
    if (!holding) throw new Error("nothing was published yet");
    return this.#write(work, holding, (tx) => ({
      table: tx.published,
      save: (progress: Progress) => tx.setProgress(progress),
      keep: (progress: Progress) => {
        this.#published = { ...holding, progress };
      },
    }));
  }

  /** Writes rows of the snapshot that is being taken over. */
  writeStaged<T>(work: (writing: Writing<Tx, StagedProgress>) => T | Promise<T>): Promise<T> {
    const holding = this.#staged;
    if (!holding) throw new Error("no snapshot is being taken over");
    return this.#write(work, holding, (tx) => ({
      table: tx.staged,
      save: (progress: StagedProgress) => tx.setStaged(progress),
      keep: (progress: StagedProgress) => {
        this.#staged = { ...holding, progress };
      },
    }));
  }

  /** Starts a snapshot; one that was under way is forgotten. */
  async beginStaged(progress: StagedProgress): Promise<void> {
    await this.store.transaction((tx) => {
      tx.discardStaged();
      tx.setStaged(progress);
    });
    this.#staged = this.#holding({ progress, buckets: [] });
  }

  async discardStaged(): Promise<void> {
    if (!this.#staged) return;
    await this.store.transaction((tx) => tx.discardStaged());
    this.#staged = undefined;
  }

  /** Puts the staged rows in the place of the published ones; `work` is done before, in the same transaction. */
  async publish(work: (tx: StoreTx<Tx>) => void | Promise<void>): Promise<void> {
    const staged = this.#staged;
    if (!staged) throw new Error("no snapshot is being taken over");
    const { datasetId, salt, createdEpoch, cursor, policy } = staged.progress;
    const own = { datasetId, salt, createdEpoch, cursor, policy };
    const progress: Progress = { ...own, verifiedSeq: cursor.seq, quarantine: "" };
    await this.store.transaction(async (tx) => {
      await work(tx);
      tx.publish();
      tx.setProgress(progress);
    });
    this.#published = { ...staged, progress };
    this.#staged = undefined;
    await this.lookForLetters();
  }

  /** A checkpoint has shown that the published rows are right. Written down with the next changes. */
  verified(seq: bigint): void {
    if (!this.#published) return;
    const { progress } = this.#published;
    if (seq > progress.verifiedSeq)
      this.#published = { ...this.#published, progress: { ...progress, verifiedSeq: seq } };
  }

  /** Takes over which changes are parked by now. */
  async lookForLetters(): Promise<void> {
    this.#take(await this.store.letters());
  }

  async #write<T, P>(
    work: (writing: Writing<Tx, P>) => T | Promise<T>,
    holding: Holding<P>,
    open: (tx: StoreTx<Tx>) => { table: TableTx; save(progress: P): void; keep(progress: P): void },
  ): Promise<T> {
    const digest = new DigestChanges(holding.digest);
    let commit = () => {};
    try {
      const result = await this.store.transaction(async (tx) => {
        const { table, save, keep } = open(tx);
        const setProgress = (progress: P) => {
          save(progress);
          commit = () => keep(progress);
        };
        const done = await work({ tx, table, digest, setProgress });
        table.setBuckets(digest.changed());
        return done;
      });
      commit();
      return result;
    } catch (error) {
      digest.undo();
      throw error;
    }
  }

  #holding<P extends Progress | StagedProgress>(
    loaded: { readonly progress: P; readonly buckets: readonly Bucket[] } | undefined,
  ): Holding<P> | undefined {
    if (!loaded) return undefined;
    const digest = new DigestAccumulator(this.#sha256);
    for (const bucket of loaded.buckets) digest.setBucket(bucket.bucket, bucket);
    const hashes = new Hashes(this.#dataset, loaded.progress, this.#sha256);
    return { progress: loaded.progress, digest, hashes };
  }

  #take(letters: readonly DeadLetter[]): void {
    this.#letters = letters;
    this.#parkedKeys = new Set(letters.map(({ key }) => textOf(key)));
  }
}
