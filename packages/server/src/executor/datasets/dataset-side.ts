import type { NamespaceState, Op, OpKind, Reply, RowWrite, SettledWait } from "@lockstep/core";
import type { DamagedRow, Event, ReplyHeader } from "@lockstep/protocol";
import type { Journal } from "../../journal/journal.ts";
import type { Clock } from "../../ports/clock.ts";
import type { Pending } from "../namespace.ts";
import type { OpenReply } from "../open-reply.ts";
import type { Submission } from "../submission.ts";
import { AckListeners } from "./ack-listeners.ts";
import { TableReads } from "./dataset-reads.ts";
import { DurableLogs } from "./durable-logs.ts";
import { LogUpkeep } from "./log-upkeep.ts";
import { type FactsOfRows, NamedFacts } from "./named-facts.ts";
import { ReplicationWaits } from "./replication-waits.ts";
import { Scrub } from "./scrub.ts";

/** What the executor gives to what it has for datasets. */
export interface DatasetSideParts {
  readonly state: NamespaceState;
  readonly journal: Journal;
  readonly clock: Clock;
  readonly durableRevision: () => bigint;
  readonly submit: <K extends OpKind>(op: Op<K>) => Pending<Reply<K>>;
  /** The rows of a submission were read: it is its turn again. */
  readonly arrived: (submission: Submission) => void;
  readonly failed: (error: Error) => void;
  readonly onDamage: (dataset: string, damaged: DamagedRow) => void;
}

/** What an executor has for datasets: the rows that operations name, waits for replicas, and upkeep. */
export class DatasetSide {
  readonly reads: TableReads;
  readonly #facts: NamedFacts;
  readonly #waits = new ReplicationWaits();
  readonly #acks = new AckListeners();
  readonly #logs: DurableLogs;
  readonly #upkeep: LogUpkeep;
  readonly #scrub: Scrub;

  constructor(parts: DatasetSideParts) {
    const { state, journal, durableRevision, arrived, failed } = parts;
    this.#facts = new NamedFacts(state, journal, durableRevision, arrived, failed);
    this.#logs = new DurableLogs(state.datasets.values());
    this.#upkeep = new LogUpkeep(parts, failed);
    this.#scrub = new Scrub(parts);
    this.reads = new TableReads({
      journal,
      logs: this.#logs,
      acks: this.#acks,
      scrub: this.#scrub,
      isReading: () => this.#facts.isReading || this.#upkeep.isWorking,
    });
  }

  start(): void {
    this.#upkeep.start();
    this.#scrub.start();
  }

  /** `failure` is why the namespace answers no more. */
  close(failure: Error): void {
    this.reads.close(failure);
    this.#upkeep.close();
    this.#scrub.close();
  }

  /** What a submission is decided with; "being read": it comes back when its rows were. */
  factsOf(submission: Submission): FactsOfRows {
    return this.#facts.of(submission);
  }

  /**
   * What was read for a submission is too little: it comes back when it was read for again. What `wasCut` is read
   * again once all that is decided is durable.
   */
  readAgain(submission: Submission, wasCut: boolean): void {
    this.#facts.readAgain(submission, wasCut);
  }

  /** Takes a decided event and gives what it writes. */
  decided(event: Event): readonly RowWrite[] {
    return this.#facts.decided(event);
  }

  /** An operation was accepted. */
  accepted(op: Op): void {
    if (op.kind === "ack") this.#acks.acked(op.request.subscriptionId, op.request.appliedSeq);
  }

  /** A reply waits for replicas; its header is that of its decision. */
  waits(waitId: bigint, pending: OpenReply, header: ReplyHeader): void {
    this.#waits.add(waitId, pending, header);
  }

  /** The way to give a wait that has ended its reply; undefined when nobody waits. */
  settled(wait: SettledWait): (() => void) | undefined {
    return this.#waits.end(wait);
  }

  /** Everything of a turn was decided. */
  endTurn(): void {
    this.#facts.send();
    this.#facts.forget();
  }

  /** Events have become durable. */
  committed(events: readonly Event[]): void {
    this.#facts.committed();
    this.#upkeep.deleted(this.#logs.committed(events));
  }
}
