import { toJsonString } from "@bufbuild/protobuf";
import {
  type AppendResponse,
  ErrorReason,
  type Event,
  EventSchema,
  type ReplyHeader,
} from "@lockstep/protocol";
import { hashOf } from "../chance.ts";
import type { Life } from "../clients/client-host.ts";
import type { Marks } from "../marks/marks.ts";
import type { DiskObserver } from "../server/disk.ts";
import type { AnyOp } from "../server/observed-namespace.ts";
import type { ServerObserver } from "../server/server-host.ts";
import type { Scheduler } from "../time/scheduler.ts";
import type { SimProcess } from "../time/sim-process.ts";
import { Beliefs } from "./beliefs.ts";
import { Datasets } from "./datasets/datasets.ts";
import { History } from "./history.ts";
import { Leases } from "./leases.ts";
import { Outcomes } from "./outcomes.ts";
import { Readings } from "./reads.ts";
import { demand, Violation } from "./violation.ts";

/** Told of everything that is seen, for people. */
export type TraceListener = (line: string) => void;

/**
 * Everything that is watched from outside, on a state of its own: what became durable, what was answered,
 * what clients believe. The first violation is kept; the run ends there.
 */
export class Checker implements DiskObserver, ServerObserver {
  readonly history: History;
  readonly beliefs: Beliefs;
  readonly readings: Readings;
  readonly outcomes: Outcomes;
  readonly leases: Leases;
  readonly datasets: Datasets;
  readonly #scheduler: Scheduler;
  readonly #marks: Marks;
  readonly #lifeNamed: (displayName: string) => Life | undefined;
  readonly #onTrace: TraceListener | undefined;
  #violation: Violation | undefined;
  #traceHash = 0;

  /** @param lifeNamed finds the life of a client that opens sessions under this name, while it lasts */
  constructor(
    scheduler: Scheduler,
    marks: Marks,
    lifeNamed: (displayName: string) => Life | undefined,
    onTrace: TraceListener | undefined,
  ) {
    this.#onTrace = onTrace;
    this.#scheduler = scheduler;
    this.#marks = marks;
    this.#lifeNamed = lifeNamed;
    this.history = new History(marks);
    this.beliefs = new Beliefs(this.history, marks);
    this.readings = new Readings(this.history);
    this.outcomes = new Outcomes(this.history, marks);
    this.leases = new Leases(this.history, marks);
    this.datasets = new Datasets(() => this.history.ledger, marks);
  }

  /** The first rule that did not hold. */
  get violation(): Violation | undefined {
    return this.#violation;
  }

  /** A hash of everything that was seen, in its order. */
  get traceHash(): number {
    return this.#traceHash;
  }

  /** Keeps what a check throws; nothing of it reaches the code that is watched. */
  watch(check: () => void): void {
    if (this.#violation !== undefined) return;
    try {
      check();
    } catch (error) {
      this.#violation =
        error instanceof Violation
          ? error
          : new Violation("the checks themselves work", stackOf(error));
    }
  }

  /** Makes something part of the trace. */
  trace(what: string): void {
    this.#traceHash = hashOf(`${this.#scheduler.nowMs} ${what}`, this.#traceHash);
    this.#onTrace?.(`${this.#scheduler.nowMs.toFixed(3).padStart(12)}  ${what}`);
  }

  appended(events: readonly Event[]): void {
    this.history.decided(events, this.#scheduler.nowMs);
    this.watch(() => {
      const underWay = (id: bigint) => (this.#lifeOf(id)?.renewals.underWay ?? 0) > 0;
      const unread = (id: bigint) => {
        const { calls, control } = this.#lifeOf(id)?.wires ?? {};
        return (calls?.unreadRenewals ?? 0) + (control?.unreadRenewals ?? 0);
      };
      this.leases.appended(events, this.#scheduler.nowMs, { underWay, unread });
    });
  }

  durable(events: readonly Event[]): void {
    for (const event of events) this.trace(`durable ${toJsonString(EventSchema, event)}`);
    this.watch(() => {
      const touched = this.history.take(events, (event) => {
        this.#markLateGrant(event);
        this.datasets.take(event);
      });
      for (const key of touched) this.beliefs.check(key);
    });
  }

  opened(tail: bigint): void {
    this.watch(() =>
      demand(
        tail === this.history.tail,
        "what was durable is still there",
        () => `the journal ends at ${tail}, ${this.history.tail} was durable`,
      ),
    );
  }

  restored(tail: bigint): void {
    this.trace(`restored up to ${tail}`);
    this.watch(() => {
      this.history.rewind(tail);
      this.outcomes.forget();
      this.datasets.rewind(this.history.events);
    });
  }

  started(process: SimProcess): void {
    this.trace(`${process.name} answers`);
    this.watch(() => this.leases.serverStarted(process, this.#scheduler.nowMs));
  }

  broke(error: unknown): void {
    this.fail("the server keeps its own invariants", stackOf(error));
  }

  submitted(op: AnyOp): void {
    this.trace(`arrival of ${nameOf(op)}`);
    this.watch(() => {
      this.leases.submitted(op, this.#scheduler.nowMs);
      if (op.kind === "append") this.datasets.submitted(op);
    });
  }

  replied(op: AnyOp, reply: unknown): void {
    const { header } = reply as { header?: ReplyHeader };
    this.trace(`reply to ${nameOf(op)} at ${header?.revision}`);
    this.watch(() => {
      this.readings.replied(op, reply as { header?: ReplyHeader });
      this.outcomes.replied(op, reply);
      if (op.kind === "append")
        this.datasets.answered(op, reply as AppendResponse, this.#scheduler.nowMs);
    });
  }

  refused(op: AnyOp, error: unknown): void {
    const { reason } = error as { reason?: ErrorReason };
    this.trace(`refusal of ${nameOf(op)}: ${reason === undefined ? error : ErrorReason[reason]}`);
    this.watch(() => {
      this.outcomes.refused(op, error);
      if (op.kind === "append" && reason !== undefined) this.datasets.refused(op, reason);
    });
  }

  /** Something else than a check has found that a rule does not hold. */
  fail(rule: string, what: string): void {
    this.#violation ??= new Violation(rule, what);
  }

  #markLateGrant({ body }: Event): void {
    if (body.case !== "lockGranted") return;
    const { sessionId } = body.value;
    const ttlMs = this.history.ledger.sessions.get(sessionId)?.ttlMs ?? 0;
    if (this.#lifeOf(sessionId)?.renewals.deadlinePassed(ttlMs))
      this.#marks.hit("grant after the client's deadline");
  }

  #lifeOf(sessionId: bigint): Life | undefined {
    return this.#lifeNamed(this.history.ledger.sessions.get(sessionId)?.displayName ?? "");
  }
}

function stackOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

function nameOf(op: AnyOp): string {
  const session = "caller" in op ? ` of session ${op.caller.sessionId}` : "";
  const request = "request" in op && "requestId" in op.request ? ` ${op.request.requestId}` : "";
  return `${op.kind}${request}${session}`;
}
