import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  DEFAULT_LIMITS,
  EpochCause,
  type Event,
  EventSchema,
  type Limits,
} from "@lockstep/protocol";
import { expect } from "vitest";
import { apply } from "../apply/apply.ts";
import type { SettledWait } from "../dataset/replication-waits.ts";
import { Draft, type Facts } from "../decide/decision.ts";
import { epochStarted, startEpoch } from "../epoch.ts";
import { applyLive } from "../live.ts";
import type { Now, Op, OpKind, Reply } from "../op.ts";
import { Refusal } from "../refusal.ts";
import { NamespaceState } from "../state/state.ts";
import { type Step, step, tick } from "../step.ts";
import { checkState } from "./check-state.ts";
import { checkDatasets } from "./dataset/check-datasets.ts";
import { Tables } from "./dataset/tables.ts";

/** What a world begins with; the rest is as a server that was not told otherwise. */
export interface WorldOptions {
  readonly limits?: Partial<Limits>;
  /** Above 0: a new lineage that grants nothing for so long. */
  readonly grantPauseMs?: number;
}

const UNIX_ZERO_MS = 1_700_000_000_000;

/** A namespace without a server: a state, a clock moved by hand, and a journal of batches. */
export class World {
  state: NamespaceState;
  /** The clock. Tests set it or let it `pass`. */
  monotonicMs = 1_000;
  storageLow = false;
  /** false: events stay on their way to the journal until `commit()`. */
  commitsAtOnce = true;
  durableRevision = 0n;
  /** false: the state is not looked through after every step, for tests with thousands of things in it. */
  checked = true;
  /** Every batch of events, in order. */
  batches: Event[][] = [];
  /** What the journal's tables have, with everything decided. */
  tables = new Tables();
  /** Waits for replicas that have ended, by id. */
  readonly settled = new Map<bigint, SettledWait["reply"]>();

  constructor({ limits, grantPauseMs = 0 }: WorldOptions = {}) {
    this.state = new NamespaceState({ ...DEFAULT_LIMITS, ...limits });
    const cause = grantPauseMs > 0 ? EpochCause.NEW_LINEAGE : EpochCause.CREATED;
    this.#start(cause, grantPauseMs);
  }

  get now(): Now {
    return { monotonicMs: this.monotonicMs, unixMs: UNIX_ZERO_MS + Math.floor(this.monotonicMs) };
  }

  get facts(): Facts {
    return { durableRevision: this.durableRevision, storageLow: this.storageLow };
  }

  /** All events so far. */
  get events(): Event[] {
    return this.batches.flat();
  }

  /** Takes an operation through; a refusal must not have made an event. */
  run<K extends OpKind>(op: Op<K>): Step<K> {
    const { revision } = this.state;
    let result: Step<K>;
    try {
      result = step(this.state, op, this.now, { ...this.facts, ...this.#rowsFor(op as Op) });
    } catch (error) {
      if (error instanceof Refusal) expect(this.state.revision).toBe(revision);
      throw error;
    }
    this.#decided(result.events, result.settled);
    return result;
  }

  /** Takes an operation through that answers at once. */
  reply<K extends OpKind>(op: Op<K>): Reply<K> {
    const { answer } = this.run(op);
    if (answer.kind === "waiting") throw new Error(`ticket ${answer.ticketId} waits`);
    return answer.reply;
  }

  /** Time passes, and nobody looks. */
  pass(ms: number): void {
    this.monotonicMs += ms;
  }

  /** Takes through what is due. Returns the events of it. */
  tick(): readonly Event[] {
    const all: Event[] = [];
    for (let more = true; more; ) {
      const result = tick(this.state, this.now, this.facts);
      this.#decided(result.events, result.settled);
      all.push(...result.events);
      more = result.more;
    }
    return all;
  }

  /** Time passes, then what is due is taken through. */
  advance(ms: number): readonly Event[] {
    this.pass(ms);
    return this.tick();
  }

  /** Everything decided so far becomes durable. */
  commit(): void {
    this.durableRevision = this.state.revision;
  }

  /** The server dies and starts again on what was durable; its new clock has another zero. */
  restart({ lineage = false, grantPauseMs = 0 } = {}): void {
    this.batches = this.batches.filter(
      (batch) => (batch.at(-1)?.revision ?? 0n) <= this.durableRevision,
    );
    const state = new NamespaceState(this.state.limits);
    this.tables = new Tables();
    this.settled.clear();
    for (const event of this.events) {
      apply(state, stored(event));
      this.tables.take(event);
    }
    this.state = state;
    this.monotonicMs = 7;
    this.#start(lineage ? EpochCause.NEW_LINEAGE : EpochCause.RECOVERED, grantPauseMs);
  }

  /** Writes events that no operation of this version makes; their keys wake nobody before the next step. */
  record(...bodies: Event["body"][]): void {
    const draft = new Draft(this.state.revision, this.now);
    for (const body of bodies) applyLive(this.state, draft.add(body), this.now);
    this.#decided(draft.events);
  }

  #start(cause: EpochCause, grantPauseMs: number): void {
    const jump = cause === EpochCause.NEW_LINEAGE ? 1_000_000n : 1n;
    const first = epochStarted(this.state.revision + jump, this.now, {
      epoch: this.state.epoch + jump,
      cause,
      serverVersion: "test",
      grantPauseMs: BigInt(grantPauseMs),
    });
    const [, ...grants] = startEpoch(this.state, first, this.now);
    this.batches.push([first]);
    this.durableRevision = first.revision;
    this.#decided(grants);
  }

  /** What the tables say to an operation on a dataset. */
  #rowsFor(op: Op): Pick<Facts, "rows"> {
    if (!("request" in op) || !("dataset" in op.request)) return {};
    const dataset = this.state.datasets.get(op.request.dataset);
    return dataset === undefined ? {} : { rows: this.tables.factsFor(op, dataset.id) };
  }

  #decided(events: readonly Event[], settled: readonly SettledWait[] = []): void {
    for (const event of events) this.tables.take(event);
    for (const { waitId, reply } of settled) this.settled.set(waitId, reply);
    if (events.length > 0) this.batches.push([...events]);
    if (this.commitsAtOnce) this.commit();
    if (!this.checked) return;
    checkState(this.state, this.now);
    checkDatasets(this.state, this.tables);
  }
}

/** An event as it comes back from the journal. */
export function stored(event: Event): Event {
  return fromBinary(EventSchema, toBinary(EventSchema, event));
}
