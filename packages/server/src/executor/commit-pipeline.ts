import type { Event } from "@lockstep/protocol";
import type { Journal } from "../journal/journal.ts";
import type { Clock } from "../ports/clock.ts";
import type { FullBatch } from "./batch.ts";
import { toRecord } from "./event-codec.ts";

/** A batch on its way to the journal, with the replies that wait for it. */
interface PendingCommit {
  readonly events: readonly Event[];
  /** The size of its records. */
  readonly bytes: number;
  readonly replies: (() => void)[];
}

/** What the pipeline reports. */
export interface PipelineObserver {
  /** A batch is durable; called before its replies leave. */
  committed(events: readonly Event[], tookMs: number, bytes: number): void;
  /** The journal failed; nothing that is pending will be answered by the pipeline. */
  failed(error: Error): void;
}

/**
 * Sends batches to the journal without waiting for one another, and lets replies leave in the order in
 * which their operations were decided, each after everything decided before it is durable.
 */
export class CommitPipeline {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #observer: PipelineObserver;
  readonly #pending: PendingCommit[] = [];
  #durableRevision: bigint;
  #failed = false;

  constructor(journal: Journal, clock: Clock, observer: PipelineObserver) {
    this.#journal = journal;
    this.#clock = clock;
    this.#observer = observer;
    this.#durableRevision = journal.state().tail;
  }

  /** The revision of the last durable event. */
  get durableRevision(): bigint {
    return this.#durableRevision;
  }

  /** How many batches are under way. */
  get pending(): number {
    return this.#pending.length;
  }

  /** Lets a reply leave once everything sent so far is durable: at once when it is. */
  afterSent(reply: () => void): void {
    if (this.#failed) return;
    const last = this.#pending.at(-1);
    if (last === undefined) reply();
    else last.replies.push(reply);
  }

  /** Sends a batch; its replies, and those added behind it, leave when it is durable. */
  send(expectedTail: bigint, epoch: bigint, { events, rows, replies }: FullBatch): void {
    if (this.#failed) return;
    const records = events.map(toRecord);
    const bytes = records.reduce((sum, record) => sum + record.bytes.length, 0);
    const commit = { events, bytes, replies };
    this.#pending.push(commit);
    const sentMs = this.#clock.monotonicMs();
    this.#journal.append(expectedTail, { epoch, records, rows }).then(
      () => this.#committed(commit, this.#clock.monotonicMs() - sentMs),
      (error: unknown) => this.#fail(error),
    );
  }

  #committed(commit: PendingCommit, tookMs: number): void {
    if (this.#failed) return;
    if (this.#pending[0] !== commit) {
      this.#fail(new Error("the journal settled batches out of order"));
      return;
    }
    this.#pending.shift();
    this.#durableRevision = commit.events.at(-1)?.revision ?? this.#durableRevision;
    this.#observer.committed(commit.events, tookMs, commit.bytes);
    for (const reply of commit.replies) reply();
  }

  #fail(error: unknown): void {
    if (this.#failed) return;
    this.#failed = true;
    this.#pending.length = 0;
    this.#observer.failed(error instanceof Error ? error : new Error(String(error)));
  }
}
