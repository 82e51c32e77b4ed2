import type { RowWrite } from "@lockstep/core";
import type { Durability } from "@lockstep/protocol";
import type { TableRead, TablesAsOf } from "./tables.ts";

/** One event as the journal sees it: opaque bytes and the columns it can be found by. */
export interface JournalRecord {
  /** Position in the namespace's history, above that of every record before it, below 2^63. */
  readonly revision: bigint;
  /** The event; the journal never looks inside. At most 2 MiB. */
  readonly bytes: Uint8Array;
  /** The lock keys the event names, for reading by key. At most 128. */
  readonly keys: readonly string[];
}

/** Events that become durable together or not at all. */
export interface JournalBatch {
  /** The epoch of the writer. Never falls. */
  readonly epoch: bigint;
  /**
   * At least one, at most 65,536 and together 64 MiB, with dense revisions. The first revision is
   * above every one before, by one unless a lineage begins: that is the caller's matter.
   */
  readonly records: readonly JournalRecord[];
  /** What the events write into the tables of datasets, in the same transaction; no part of the history. */
  readonly rows?: readonly RowWrite[];
}

/** What a journal knows of itself. */
export interface JournalState {
  /** The revision of the last durable record, 0 in a new journal. */
  readonly tail: bigint;
  /** The epoch of the last durable batch, 0 in a new journal. */
  readonly epoch: bigint;
  /** History at or below this revision is not shown: it was dropped, or is of an older lineage. */
  readonly floor: bigint;
  /**
   * Records at or below this revision are gone; what they led to is in the snapshot. 0 while nothing was
   * dropped. Never above `floor`, nor above the revision of the snapshot.
   */
  readonly base: bigint;
  /** Which revision the newest complete snapshot is of; undefined without one. */
  readonly snapshot: bigint | undefined;
  /**
   * The highest revision and epoch ever known here; the next writer goes on at one above each. In a
   * journal opened for a new lineage these are just below where the lineage begins.
   */
  readonly highest: JournalPosition;
}

/** A revision and an epoch. */
export interface JournalPosition {
  readonly revision: bigint;
  readonly epoch: bigint;
}

/** Which records a read is interested in: all, those that name one of `keys`, or a key that starts so. */
export type JournalFilter =
  | { readonly kind: "all" }
  | { readonly kind: "keys"; readonly keys: readonly string[] }
  | { readonly kind: "prefix"; readonly prefix: string };

/** A part of the history. */
export interface JournalPage {
  /** By rising revision. */
  readonly records: readonly JournalRecord[];
  /** Everything chosen up to this revision is in this or an earlier page; the cursor of the next. */
  readonly scannedTo: bigint;
  /** More durable records follow. */
  readonly more: boolean;
}

/** How much a page may hold: it ends before it would exceed either, but holds at least one record. */
export interface PageLimit {
  readonly maxRecords: number;
  readonly maxBytes: number;
}

/** What a snapshot is of. */
export interface SnapshotPosition {
  /** The last event it contains. */
  readonly revision: bigint;
  /** The epoch at that event. */
  readonly epoch: bigint;
}

/** A snapshot on its way into the journal. */
export interface JournalSnapshot extends SnapshotPosition {
  /**
   * Opaque; at least one and at most 65,536, each of 1 byte to 1 MiB. The next one is asked for when the
   * one before is durable.
   */
  readonly chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>;
}

/** A snapshot read from the journal. */
export interface StoredSnapshot extends SnapshotPosition {
  /** What was written, in that order. Can be gone through once. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * The history of one namespace. Every implementation passes the contract test beside it.
 *
 * `append` may be called again before an earlier one has settled; batches become durable in the order
 * of the calls. Once one has failed, every later one fails too, and the journal must be opened again.
 */
export interface Journal {
  /** What an appended batch survives. */
  readonly durability: Durability;
  /** The state as of the last settled append. */
  state(): JournalState;
  /**
   * Makes a batch durable; settles only then. `expectedTail` is the revision of the last record
   * before it, appends under way included.
   * @throws JournalDeposedError when the tail is another: somebody else writes; nothing was written.
   * @throws JournalUnknownError when it cannot tell whether the batch is durable.
   * @throws RangeError when the batch breaks its bounds; nothing was written and nothing is lost.
   */
  append(expectedTail: bigint, batch: JournalBatch): Promise<void>;
  /** Reads durable records after a revision. The caller compares with `floor` first. */
  read(after: bigint, limit: PageLimit, filter?: JournalFilter): Promise<JournalPage>;
  /**
   * Makes a snapshot durable; settles only then. Until then, and when it fails, the older one counts;
   * then that one is given up. Appends go on meanwhile.
   * @throws RangeError when it is of a revision above the tail or below the older snapshot, when a bound
   *   is broken, or while another one is being written; and whatever `chunks` throws. The journal goes on.
   * @throws JournalUnknownError when it cannot tell whether the snapshot is durable; as for `append`.
   */
  writeSnapshot(snapshot: JournalSnapshot): Promise<void>;
  /** The newest complete snapshot. Going through its chunks fails once a newer one has replaced it. */
  readSnapshot(): Promise<StoredSnapshot | undefined>;
  /**
   * Drops records at or below a revision, bit by bit, so that appends go on between. How many of them
   * are kept all the same, because they became durable with later ones, is the journal's choice: see
   * `base`. `floor` counts from the first step. A floor that is not above the present one changes nothing
   * but finishes what an earlier call, or an earlier process, has left.
   * @throws RangeError when the floor is above the snapshot's revision. The journal goes on.
   * @throws JournalUnknownError as for `append`.
   */
  compact(floor: bigint): Promise<void>;
  /** Reads the tables of datasets as of one durable revision. What of them is damaged is told in its place. */
  readTables<const R extends readonly TableRead[]>(reads: R): Promise<TablesAsOf<R>>;
  /**
   * Drops of a dataset the changes up to `floorSeq`, the checkpoints below it, and the idempotency keys of
   * changes up to `droppedSeq`, bit by bit, so that appends go on between. May be repeated; what an earlier
   * process has left is dropped by a later call.
   * @throws JournalUnknownError as for `append`.
   */
  trimDataset(datasetId: bigint, floorSeq: bigint, droppedSeq: bigint): Promise<void>;
  /** Drops everything of a dataset, likewise. */
  dropDataset(datasetId: bigint): Promise<void>;
  /** The datasets that have anything in the tables, rising. */
  datasetIds(): Promise<bigint[]>;
  /** Free bytes where the journal writes; undefined when that has no meaning. */
  freeBytes(): Promise<number | undefined>;
  /** Waits for appends under way and gives everything back. */
  close(): Promise<void>;
}

/** Somebody else appended: this writer must stop. Nothing of the batch was written. */
export class JournalDeposedError extends Error {
  override readonly name = "JournalDeposedError";
}

/** The journal failed; whether the batch is durable is unknown. Never retry; open it again. */
export class JournalUnknownError extends Error {
  override readonly name = "JournalUnknownError";
}

/** Why a journal refuses to open. */
export type JournalOpenProblem =
  | "FOLDER_IN_USE"
  | "NOT_WRITABLE"
  | "NEWER_FORMAT"
  | "OLDER_FORMAT"
  | "DAMAGED"
  | "BEHIND_MARK"
  | "MARK_MISSING";

/** A journal that must not be served as it is. The message names the place and what to do. */
export class JournalOpenError extends Error {
  override readonly name = "JournalOpenError";
  /** What is wrong, for programs. */
  readonly problem: JournalOpenProblem;

  constructor(problem: JournalOpenProblem, message: string, options?: ErrorOptions) {
    super(message, options);
    this.problem = problem;
  }
}
