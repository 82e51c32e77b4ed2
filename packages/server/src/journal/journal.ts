import type { Durability } from "@lockstep/protocol";

/** One event as the journal sees it: opaque bytes and the columns it can be found by. */
export interface JournalRecord {
  /** Position in the namespace's history, above that of every record before it, below 2^63. */
  readonly revision: bigint;
  /** The event; the journal never looks inside. At most 1 MiB. */
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
}

/** What a journal knows of itself. */
export interface JournalState {
  /** The revision of the last durable record, 0 in a new journal. */
  readonly tail: bigint;
  /** The epoch of the last durable batch, 0 in a new journal. */
  readonly epoch: bigint;
  /** Records at or below this revision are not kept, or belong to an older lineage. */
  readonly floor: bigint;
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
