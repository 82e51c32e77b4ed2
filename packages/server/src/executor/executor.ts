import {
  type EpochStartedEvent,
  type Facts,
  type NamespaceState,
  type Op,
  type OpKind,
  Refusal,
  type Reply,
  type Step,
  startEpoch,
  step,
  tick,
} from "@lockstep/core";
import {
  type Durability,
  type Event,
  type NamespaceInfo,
  NamespaceRole,
  type ReplyHeader,
} from "@lockstep/protocol";
import type { Journal, JournalFilter, PageLimit } from "../journal/journal.ts";
import type { Clock } from "../ports/clock.ts";
import type { Upkeep } from "../snapshot/upkeep.ts";
import { CommitPipeline } from "./commit-pipeline.ts";
import { Counters } from "./counters.ts";
import { DueTimer } from "./due-timer.ts";
import { readHistory } from "./history.ts";
import { leaseNow } from "./lease-clock.ts";
import { Listeners } from "./listeners.ts";
import type { Commit, History, Namespace, Pending } from "./namespace.ts";
import { recovering, refusalAfter } from "./not-answering.ts";
import { OpenReplies, OpenReply } from "./open-reply.ts";
import { StorageWatch } from "./storage-watch.ts";
import { Waiters } from "./waiters.ts";

/** What an executor is made of. */
export interface ExecutorParts {
  readonly name: string;
  readonly clusterId: string;
  /** The server's own name, stamped on every event. */
  readonly node: string;
  /** Rebuilt from the journal; the executor changes it from here on. */
  readonly state: NamespaceState;
  readonly journal: Journal;
  readonly clock: Clock;
  /** The first event of the epoch, durable already and not yet applied. */
  readonly epochStarted: EpochStartedEvent;
  /** Keeps the journal bounded; undefined: it grows. */
  readonly upkeep?: Upkeep | undefined;
  /** Called once when the journal or an invariant failed and the namespace stopped answering. */
  readonly onStopped: (error: Error) => void;
}

/** An operation that waits for its turn. `op` undefined is the tick. */
interface Submission {
  readonly op: Op | undefined;
  readonly pending: OpenReply | undefined;
}

/**
 * How many batches may be under way to the journal. Beyond it nothing is decided but renewals: a disk
 * that stalls must cost neither memory without bound nor anybody's lease.
 */
export const COMMITS_UNDER_WAY_MAX = 64;

/** How many events a batch holds before the next one is begun. A single operation may exceed it. */
export const BATCH_EVENTS_MAX = 8_192;

/**
 * The one place of a namespace where order is made. Everything that arrives in one turn of the event
 * loop is decided in order of arrival and goes to the journal as one batch; replies leave when it is
 * durable.
 */
export class Executor implements Namespace {
  readonly durability: Durability;
  readonly #parts: ExecutorParts;
  readonly #state: NamespaceState;
  readonly #clock: Clock;
  readonly #pipeline: CommitPipeline;
  readonly #counters = new Counters();
  readonly #listeners = new Listeners();
  readonly #waiters = new Waiters();
  readonly #open = new OpenReplies();
  readonly #dueTimer: DueTimer;
  readonly #storage: StorageWatch;
  #role = NamespaceRole.RECOVERING;
  /** What is answered while the role is not LEADER. */
  #refusal = recovering();
  #submissions: Submission[] = [];
  #turnPlanned = false;
  #batch: Event[] = [];
  #replies: (() => void)[] = [];

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#state = parts.state;
    this.#clock = parts.clock;
    this.durability = parts.journal.durability;
    this.#pipeline = new CommitPipeline(parts.journal, parts.clock, {
      committed: (events, tookMs, bytes) => this.#committed(events, tookMs, bytes),
      failed: (error) => this.#stop(error),
    });
    this.#dueTimer = new DueTimer(parts.clock, () =>
      this.#enqueue({ op: undefined, pending: undefined }),
    );
    this.#storage = new StorageWatch(parts.journal, parts.clock, parts.state.limits.min_free_bytes);
  }

  /**
   * Begins to answer. Called when keep-alives can be received again: from here every session has its
   * full time to live.
   */
  start(): void {
    if (this.#role !== NamespaceRole.RECOVERING) return;
    this.#role = NamespaceRole.LEADER;
    const [, ...grants] = startEpoch(this.#state, this.#parts.epochStarted, leaseNow(this.#clock));
    this.#decided(grants);
    this.#send();
    this.#storage.start();
    this.#parts.upkeep?.start((error) => this.#stop(error));
    this.#dueTimer.lookAt(this.#state.due.nextAtMs);
  }

  /** Stops timers, waits for nothing and answers nothing more. The journal is closed by its owner. */
  close(): void {
    this.#stop(undefined);
  }

  submit<K extends OpKind>(op: Op<K>): Pending<Reply<K>> {
    const pending = new OpenReply(this.#open, this.#waiters);
    if (this.#role !== NamespaceRole.LEADER) pending.reject(this.#refusal);
    else this.#enqueue({ op: op as Op, pending });
    return pending as unknown as Pending<Reply<K>>;
  }

  barrier(): Promise<ReplyHeader> {
    if (this.#role !== NamespaceRole.LEADER) return Promise.reject(this.#refusal);
    const header = this.#headerAt(this.#state.revision);
    const pending = new OpenReply(this.#open, this.#waiters);
    this.#afterDecided(() => pending.resolve({ header }));
    return pending.reply.then((reply) => reply.header as ReplyHeader);
  }

  history(after: bigint, limit: PageLimit, filter: JournalFilter): Promise<History> {
    return readHistory(this.#parts.journal, this.#pipeline.durableRevision, after, limit, filter);
  }

  onCommit(listener: (commit: Commit) => void): () => void {
    return this.#listeners.onCommit(listener);
  }

  onNews(sessionId: bigint, listener: (event: Event) => void): () => void {
    return this.#listeners.onNews(sessionId, listener);
  }

  header(): ReplyHeader {
    return this.#headerAt(this.#pipeline.durableRevision);
  }

  info(): NamespaceInfo {
    this.#counters.commitsPending = this.#pipeline.pending;
    return {
      $typeName: "lockstep.v1.NamespaceInfo",
      namespace: this.#parts.name,
      role: this.#role,
      epoch: this.#parts.epochStarted.body.value.epoch,
      revision: this.#pipeline.durableRevision,
      floor: this.#parts.journal.state().floor,
      counters: this.#counters.view(this.#state, this.#clock.stalls()),
    };
  }

  #enqueue(submission: Submission): void {
    this.#submissions.push(submission);
    this.#planTurn();
  }

  #planTurn(): void {
    if (this.#turnPlanned) return;
    this.#turnPlanned = true;
    this.#clock.afterTurn(() => this.#turn());
  }

  /** Decides everything that has arrived, or renewals alone while the journal is far behind. */
  #turn(): void {
    this.#turnPlanned = false;
    const arrived = this.#submissions;
    const behind = this.#pipeline.pending >= COMMITS_UNDER_WAY_MAX;
    const submissions = behind ? arrived.filter(isRenewal) : arrived;
    this.#submissions = behind ? arrived.filter((each) => !isRenewal(each)) : [];
    for (const submission of submissions) {
      if (this.#role !== NamespaceRole.LEADER) {
        submission.pending?.reject(this.#refusal);
        continue;
      }
      try {
        if (submission.op === undefined || submission.pending === undefined) this.#tick();
        else this.#decide(submission.op, submission.pending);
      } catch (error) {
        this.#stop(error instanceof Error ? error : new Error(String(error)));
      }
      if (this.#batch.length >= BATCH_EVENTS_MAX) this.#send();
    }
    this.#send();
    if (this.#role === NamespaceRole.LEADER) this.#dueTimer.lookAt(this.#state.due.nextAtMs);
  }

  #decide(op: Op, pending: OpenReply): void {
    this.#counters.operations += 1n;
    let outcome: Step;
    try {
      outcome = step(this.#state, op, leaseNow(this.#clock), this.#facts());
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#afterDecided(() => pending.reject(error));
      return;
    }
    const { events, answer } = outcome;
    if (answer.kind === "waiting") {
      pending.waitFor(answer.ticketId, op.kind === "convert" ? "convert" : "acquire");
    }
    this.#decided(events);
    if (answer.kind === "waiting") return;
    if (op.kind === "keepAlive") {
      // A renewal speaks of durable things only and waits for no commit.
      this.#counters.keepAlives += 1n;
      pending.resolve({ ...answer.reply, header: this.header() });
      return;
    }
    const header = this.#headerAt(events[0]?.revision ?? this.#state.revision);
    this.#afterDecided(() => pending.resolve({ ...answer.reply, header }));
  }

  #tick(): void {
    const { events, more } = tick(this.#state, leaseNow(this.#clock), this.#facts());
    this.#decided(events);
    if (more) this.#enqueue({ op: undefined, pending: undefined });
  }

  /** Puts events into the batch of this turn, and the ends of waits behind them. */
  #decided(events: readonly Event[]): void {
    for (const event of events) {
      event.node = this.#parts.node;
      this.#batch.push(event);
      for (const ending of this.#waiters.endedBy(event, this.#state)) {
        const header = this.#headerAt(event.revision);
        this.#replies.push(() => ending.waiter.end(ending, header));
      }
    }
  }

  /** Lets a reply leave after everything decided before it is durable. */
  #afterDecided(reply: () => void): void {
    if (this.#batch.length > 0) this.#replies.push(reply);
    else this.#pipeline.afterSent(reply);
  }

  #send(): void {
    const events = this.#batch;
    const replies = this.#replies;
    if (events.length === 0 || this.#role !== NamespaceRole.LEADER) return;
    this.#batch = [];
    this.#replies = [];
    this.#pipeline.send((events[0] as Event).revision - 1n, this.#state.epoch, events, replies);
  }

  #committed(events: readonly Event[], tookMs: number, bytes: number): void {
    this.#storage.wrote(bytes);
    this.#counters.committed(events, tookMs);
    this.#listeners.committed(events, this.#pipeline.durableRevision);
    this.#parts.upkeep?.committed(events.length, this.#state);
    if (this.#submissions.length > 0) this.#planTurn();
  }

  #stop(error: Error | undefined): void {
    if (this.#role === NamespaceRole.STOPPED) return;
    this.#role = NamespaceRole.STOPPED;
    this.#refusal = refusalAfter(error);
    this.#dueTimer.close();
    this.#storage.close();
    this.#parts.upkeep?.close();
    for (const pending of this.#open.all()) pending.reject(this.#refusal);
    if (error !== undefined) this.#parts.onStopped(error);
  }

  #facts(): Facts {
    return { durableRevision: this.#pipeline.durableRevision, storageLow: this.#storage.low };
  }

  #headerAt(revision: bigint): ReplyHeader {
    return {
      $typeName: "lockstep.v1.ReplyHeader",
      clusterId: this.#parts.clusterId,
      epoch: this.#state.epoch,
      revision,
    };
  }
}

const isRenewal = ({ op }: Submission) => op?.kind === "keepAlive";
