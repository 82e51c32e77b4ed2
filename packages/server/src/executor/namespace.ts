import type { Op, OpKind, Reply } from "@lockstep/core";
import type { Durability, Event, NamespaceInfo, ReplyHeader } from "@lockstep/protocol";
import type { JournalFilter, PageLimit } from "../journal/journal.ts";
import type { DatasetReads } from "./datasets/dataset-reads.ts";
import type { HistoryStart } from "./history.ts";

/** An operation under way. */
export interface Pending<R> {
  /**
   * The reply with its header. It settles once everything decided before it is durable; for an acquire
   * or convert that waits, with the final outcome. Rejects with a core `Refusal`.
   */
  readonly reply: Promise<R>;
  /**
   * Calls one of the two when the reply settles, in the same turn and without a promise between: for those who have
   * many at a time. Only one may listen, from the beginning, and must not throw.
   */
  settle(resolved: (reply: R) => void, rejected: (error: Error) => void): void;
  /** Whether it waits for a lock: it has a ticket that nothing has ended. Before its turn, and once it is decided, it does not. */
  readonly isWaiting: boolean;
  /** Calls this when it comes to wait for a lock, in the middle of a turn. Only one may listen. */
  onWaiting(told: () => void): void;
  /** Nobody listens any more: the reply never settles. The operation itself goes on; a ticket waits on. */
  abandon(): void;
}

/** A part of the history as events. */
export interface History {
  /** By rising revision, without journal-only fields. */
  readonly events: readonly Event[];
  /** Everything chosen up to this revision is in this or an earlier page. */
  readonly scannedTo: bigint;
  /** More durable events follow. */
  readonly more: boolean;
}

/** What a watcher sees of a commit. */
export interface Commit {
  /** The events of the batch, without journal-only fields. */
  readonly events: readonly Event[];
  /** The durable revision after it. */
  readonly revision: bigint;
}

/**
 * A namespace as the RPC handlers see it: the one place where order is made. Handlers decode,
 * authenticate, check limits and submit; they never touch state.
 */
export interface Namespace {
  /** Gives an operation its place in the order. */
  submit<K extends OpKind>(op: Op<K>): Pending<Reply<K>>;
  /** A read's place in the order: its header, once everything decided before it is durable. */
  barrier(): Promise<ReplyHeader>;
  /** Reads durable history. Rejects with a `Refusal` below the floor or above the head. */
  history(after: HistoryStart, limit: PageLimit, filter: JournalFilter): Promise<History>;
  /** Calls `listener` after every durable commit, in order. Returns the way to stop. */
  onCommit(listener: (commit: Commit) => void): () => void;
  /**
   * Calls `listener` with durable events that took a hold from this session or asked for one, and with
   * its end. Returns the way to stop.
   */
  onNews(sessionId: bigint, listener: (event: Event) => void): () => void;
  /** The header of a reply that leaves now and is about no operation: a bookmark, an opened stream. */
  header(): ReplyHeader;
  /** What the server tells of the namespace; answers at any time. */
  info(): NamespaceInfo;
  /** What is durable of datasets. */
  readonly datasets: DatasetReads;
  /** What an acknowledged event survives. */
  readonly durability: Durability;
}
