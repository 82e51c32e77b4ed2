import {
  type Dataset,
  type NamespaceState,
  type RowFacts,
  type RowWrite,
  rowsOf,
} from "@lockstep/core";
import { BUCKETS, bucketOf, type Event } from "@lockstep/protocol";
import type { Journal } from "../../journal/journal.ts";
import type { Submission } from "../submission.ts";
import { FactsLane } from "./facts-lane.ts";
import { type NamedRows, namedRows } from "./named-rows.ts";
import { Overlay } from "./overlay.ts";
import { RecentHeads } from "./recent-heads.ts";
import { type DecidedRows, ReadRows } from "./row-facts.ts";
import { WrittenKeys } from "./written-keys.ts";

/** What a submission is decided with, or that its rows are being read first. */
export type FactsOfRows = { readonly rows: RowFacts | undefined } | "being read";

/** The rows that operations name: what was read of them, and what was decided since. */
export class NamedFacts {
  readonly #state: NamespaceState;
  readonly #overlay = new Overlay();
  readonly #heads = new RecentHeads();
  readonly #rowKeys = new WrittenKeys();
  readonly #recordKeys = new WrittenKeys();
  readonly #decided: DecidedRows = {
    overlay: this.#overlay,
    heads: this.#heads,
    recordKeys: this.#recordKeys,
  };
  readonly #lane: FactsLane<Submission>;
  readonly #durableRevision: () => bigint;
  readonly #arrived: (submission: Submission) => void;
  /** What is read again when this revision is durable, by rising revision. */
  #later: { readonly revision: bigint; readonly submission: Submission }[] = [];

  /** `arrived` is called with a submission whose rows were read, `failed` when the journal failed. */
  constructor(
    state: NamespaceState,
    journal: Pick<Journal, "readTables">,
    durableRevision: () => bigint,
    arrived: (submission: Submission) => void,
    failed: (error: Error) => void,
  ) {
    this.#state = state;
    this.#durableRevision = durableRevision;
    this.#arrived = arrived;
    const read = (result: NonNullable<Submission["read"]>) =>
      arrived({ ...result.item, read: result });
    this.#lane = new FactsLane(journal, durableRevision, { read, failed });
    for (const { id, digest, head } of state.datasets.values()) {
      if (digest.count === 0) this.#rowKeys.begin(id);
      if (head.seq === 0n) this.#recordKeys.begin(id);
    }
  }

  /** Whether reads are under way. */
  get isReading(): boolean {
    return this.#lane.isReading;
  }

  /** The facts of a submission whose turn it is. One whose dataset is another by now is read for again. */
  of(submission: Submission): FactsOfRows {
    const { op, read } = submission;
    const named = namedRows(op, this.#state);
    if (named === undefined) return { rows: undefined };
    if (read !== undefined && read.named.datasetId === named.datasetId) {
      return { rows: new ReadRows(read.named, read.results, this.#decided) };
    }
    // What names rows keeps its place behind what waits for its own.
    if (named.reads.length === 0 || (this.#lane.isEmpty && this.#isKnown(named))) {
      return { rows: new ReadRows({ ...named, reads: [] }, [], this.#decided) };
    }
    // All of it: what is known now may be forgotten when its turn comes.
    this.#lane.add({ ...submission, read: undefined }, named);
    return "being read";
  }

  /**
   * What was read for a submission is too little: it is read for again, and what `wasCut` not before all that is
   * decided is durable. Until then a read would only show the same.
   */
  readAgain(submission: Submission, wasCut: boolean): void {
    const { revision } = this.#state;
    if (wasCut && revision > this.#durableRevision()) this.#later.push({ revision, submission });
    else this.#readAgain(submission);
  }

  /** Events have become durable. */
  committed(): void {
    const durable = this.#durableRevision();
    const still = this.#later.findIndex(({ revision }) => revision > durable);
    const ready = this.#later.splice(0, still < 0 ? this.#later.length : still);
    for (const { submission } of ready) this.#readAgain(submission);
    if (ready.length > 0) this.#lane.send();
    this.forget();
  }

  #readAgain(submission: Submission): void {
    const named = namedRows(submission.op, this.#state);
    const unread = { ...submission, read: undefined };
    if (named !== undefined) this.#lane.add(unread, named);
    // Its dataset was deleted meanwhile: it is decided without.
    else this.#arrived(unread);
  }

  /** Takes a decided event and gives what it writes: its rows are these from here on. */
  decided(event: Event): readonly RowWrite[] {
    const writes = rowsOf(event);
    if (writes.length > 0) this.#overlay.add(event.revision, writes);
    for (const write of writes) {
      this.#heads.decided(write);
      if (write.kind === "put") this.#rowKeys.add(write.datasetId, write.row.key);
      if (write.kind === "record")
        this.#recordKeys.add(write.datasetId, Buffer.from(write.idempotencyKey));
    }
    if (event.body.case === "datasetCreated") {
      this.#rowKeys.begin(event.body.value.datasetId);
      this.#recordKeys.begin(event.body.value.datasetId);
    } else if (event.body.case === "datasetDeleted") {
      this.#rowKeys.end(event.body.value.datasetId);
      this.#recordKeys.end(event.body.value.datasetId);
    }
    return writes;
  }

  /** Sends the reads that have come together in this turn. */
  send(): void {
    this.#lane.send();
  }

  /** Forgets what the tables show to every read whose result is still to be used. */
  forget(): void {
    const durable = this.#durableRevision();
    const inUse = this.#lane.lowestInUse;
    this.#overlay.forget(inUse === undefined || inUse > durable ? durable : inUse);
  }

  /** Whether everything it names is known: nothing but heads, and that there is no record, is. */
  #isKnown({ datasetId, reads }: NamedRows): boolean {
    const isHeadKnown = (key: Uint8Array) => this.#isHeadKnown(datasetId, key);
    const isNew = (key: string) => !this.#recordKeys.mayHave(datasetId, Buffer.from(key));
    return reads.every(
      (read) =>
        (read.kind === "heads" && read.keys.every(isHeadKnown)) ||
        (read.kind === "records" && read.idempotencyKeys.every(isNew)),
    );
  }

  #isHeadKnown(datasetId: bigint, key: Uint8Array): boolean {
    if (this.#heads.has(datasetId, key)) return true;
    if (this.#rowKeys.mayHave(datasetId, key) && !this.#isBucketEmpty(datasetId, key)) return false;
    this.#heads.absent(datasetId, key);
    return this.#heads.has(datasetId, key);
  }

  #isBucketEmpty(datasetId: bigint, key: Uint8Array): boolean {
    const { digest, hasher } = this.#state.datasets.byId(datasetId) as Dataset;
    // Where hardly any bucket is without a key, it is not worth a hash.
    if (digest.count >= BUCKETS) return false;
    return digest.count === 0 || digest.bucket(bucketOf(hasher.keyHash(key))).count === 0;
  }
}
