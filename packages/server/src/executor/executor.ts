import {
  type Facts,
  type NamespaceState,
  type Op,
  type OpKind,
  Refusal,
  type Reply,
  type RowFacts,
  type SettledWait,
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
import type { JournalFilter, PageLimit } from "../journal/journal.ts";
import type { Clock } from "../ports/clock.ts";
import { Batch } from "./batch.ts";
import { CommitPipeline } from "./commit-pipeline.ts";
import { Counters } from "./counters.ts";
import type { DatasetReads } from "./datasets/dataset-reads.ts";
import { DatasetSide } from "./datasets/dataset-side.ts";
import { FactsMissing } from "./datasets/row-facts.ts";
import { DueTimer } from "./due-timer.ts";
import type { ExecutorParts } from "./executor-parts.ts";
import { type HistoryStart, readHistory } from "./history.ts";
import { leaseNow } from "./lease-clock.ts";
import { Listeners } from "./listeners.ts";
import type { Commit, History, Namespace, Pending } from "./namespace.ts";
import { namespaceInfo, replyHeader } from "./namespace-info.ts";
import { recovering, refusalAfter } from "./not-answering.ts";
import { OpenReplies, OpenReply } from "./open-reply.ts";
import { StorageWatch } from "./storage-watch.ts";
import { isRenewal, type Submission, TICK, type Waiting } from "./submission.ts";
import { Waiters } from "./waiters.ts";

/**
 * How many batches may be under way to the journal. Beyond it nothing is decided but renewals: a disk
 * that stalls must cost neither memory without bound nor anybody's lease.
 */
export const COMMITS_UNDER_WAY_MAX = 64;

/**
 * The one place of a namespace where order is made. Everything that arrives in one turn of the event
 * loop is decided in order of arrival and goes to the journal as one batch, or as several when it is much or
 * the journal would otherwise wait for it; replies leave when it is durable.
 */
export class Executor implements Namespace {
  readonly durability: Durability;
  readonly datasets: DatasetReads;
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
  readonly #datasets: DatasetSide;
  #role = NamespaceRole.RECOVERING;
  /** What is answered while the role is not LEADER. */
  #refusal = recovering();
  #submissions: Waiting[] = [];
  #turnPlanned = false;
  readonly #batch = new Batch();

  constructor(parts: ExecutorParts) {
    this.#parts = parts;
    this.#state = parts.state;
    this.#clock = parts.clock;
    this.durability = parts.journal.durability;
    this.#pipeline = new CommitPipeline(parts.journal, parts.clock, {
      committed: (events, tookMs, bytes) => this.#committed(events, tookMs, bytes),
      failed: (error) => this.#stop(error),
    });
    this.#dueTimer = new DueTimer(parts.clock, () => this.#enqueue(TICK));
    this.#storage = new StorageWatch(parts.journal, parts.clock, parts.state.limits.min_free_bytes);
    this.#datasets = new DatasetSide({
      ...parts,
      durableRevision: () => this.#pipeline.durableRevision,
      submit: (op) => this.submit(op),
      arrived: (submission) => this.#enqueue(submission),
      failed: (error) => this.#stop(error),
      onDamage: parts.onDamage ?? (() => undefined),
    });
    this.datasets = this.#datasets.reads;
  }

  /**
   * Begins to answer. Called when keep-alives can be received again: from here every session has its
   * full time to live.
   */
  start(): void {
    if (this.#role !== NamespaceRole.RECOVERING) return;
    this.#role = NamespaceRole.LEADER;
    const [, ...grants] = startEpoch(this.#state, this.#parts.epochStarted, leaseNow(this.#clock));
    this.#decided(grants, []);
    this.#send();
    this.#storage.start();
    this.#parts.upkeep?.start((error) => this.#stop(error));
    this.#datasets.start();
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

  history(after: HistoryStart, limit: PageLimit, filter: JournalFilter): Promise<History> {
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
    return namespaceInfo(this.#parts, {
      role: this.#role,
      revision: this.#pipeline.durableRevision,
      counters: this.#counters.view(this.#state, this.#clock.stalls()),
    });
  }

  #enqueue(submission: Waiting): void {
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
        if (submission !== TICK) submission.pending.reject(this.#refusal);
        continue;
      }
      try {
        if (submission === TICK) this.#tick();
        else this.#take(submission);
      } catch (error) {
        this.#stop(error instanceof Error ? error : new Error(String(error)));
      }
      if (this.#batch.isFull || (this.#batch.isWorthwhile && this.#pipeline.pending === 0))
        this.#send();
    }
    this.#send();
    this.#datasets.endTurn();
    if (this.#role === NamespaceRole.LEADER) this.#dueTimer.lookAt(this.#state.due.nextAtMs);
  }

  /** Decides a submission, once the rows it names were read. */
  #take(submission: Submission): void {
    const { op, pending, read } = submission;
    const facts = this.#datasets.factsOf(submission);
    if (facts !== "being read") {
      try {
        this.#decide(op, pending, facts.rows);
      } catch (error) {
        if (!(error instanceof FactsMissing)) throw error;
        this.#datasets.readAgain(submission, error.wasCut);
      }
    }
    read?.release();
  }

  #decide(op: Op, pending: OpenReply, rows: RowFacts | undefined): void {
    this.#counters.operations += 1n;
    let outcome: Step;
    try {
      outcome = step(this.#state, op, leaseNow(this.#clock), { ...this.#facts(), rows });
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      this.#afterDecided(() => pending.reject(error));
      return;
    }
    const { events, answer, settled } = outcome;
    const header = this.#headerAt(events[0]?.revision ?? this.#state.revision);
    if (answer.kind === "waiting") this.#waits(op, answer.ticketId, pending, header);
    this.#decided(events, settled);
    this.#datasets.accepted(op);
    if (answer.kind === "waiting") return;
    if (op.kind === "keepAlive") {
      // A renewal speaks of durable things only and waits for no commit.
      this.#counters.keepAlives += 1n;
      pending.resolve({ ...answer.reply, header: this.header() });
    } else this.#afterDecided(() => pending.resolve({ ...answer.reply, header }));
  }

  #waits({ kind }: Op, id: bigint, pending: OpenReply, header: ReplyHeader): void {
    if (kind === "acquire" || kind === "convert") pending.waitFor(id, kind);
    else this.#datasets.waits(id, pending, header);
  }

  #tick(): void {
    this.#dueTimer.looked();
    const { events, more, settled } = tick(this.#state, leaseNow(this.#clock), this.#facts());
    this.#decided(events, settled);
    if (more) this.#enqueue(TICK);
  }

  /** Puts events into the batch of this turn, and the ends of waits behind them. */
  #decided(events: readonly Event[], settled: readonly SettledWait[]): void {
    for (const event of events) {
      event.node = this.#parts.node;
      this.#batch.add(event, this.#datasets.decided(event));
      for (const ending of this.#waiters.endedBy(event, this.#state)) {
        this.#batch.addReply(() => ending.waiter.end(ending, this.#headerAt(event.revision)));
      }
    }
    for (const wait of settled) {
      const reply = this.#datasets.settled(wait);
      if (reply !== undefined) this.#afterDecided(reply);
    }
  }

  /** Lets a reply leave after everything decided before it is durable. */
  #afterDecided(reply: () => void): void {
    if (!this.#batch.isEmpty) this.#batch.addReply(reply);
    else this.#pipeline.afterSent(reply);
  }

  #send(): void {
    if (this.#batch.isEmpty || this.#role !== NamespaceRole.LEADER) return;
    const batch = this.#batch.take();
    this.#pipeline.send((batch.events[0] as Event).revision - 1n, this.#state.epoch, batch);
  }

  #committed(events: readonly Event[], tookMs: number, bytes: number): void {
    this.#storage.wrote(bytes);
    this.#counters.committed(events, tookMs);
    this.#listeners.committed(events, this.#pipeline.durableRevision);
    this.#datasets.committed(events);
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
    this.#datasets.close(this.#refusal);
    for (const pending of this.#open.all()) pending.reject(this.#refusal);
    if (error !== undefined) this.#parts.onStopped(error);
  }

  #facts(): Facts {
    return { durableRevision: this.#pipeline.durableRevision, storageLow: this.#storage.low };
  }

  #headerAt(revision: bigint): ReplyHeader {
    return replyHeader(this.#parts.clusterId, this.#state.epoch, revision);
  }
}
