import {
  type AcquireResponse,
  CancelOutcome,
  DeniedReason,
  ErrorReason,
  ReleaseOutcome,
  type ReleaseResponse,
  SessionState,
} from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import type { AnyOp } from "../server/observed-namespace.ts";
import type { History } from "./history.ts";
import { demand } from "./violation.ts";

/** What is remembered of a request: its final outcome and the epoch it was given in. */
interface Known {
  readonly outcome: string;
  readonly epoch: bigint;
  /** It made an event, so that it outlives the epoch. */
  readonly durable: boolean;
}

/** Denials that leave nothing in the history. */
const EVENTLESS_DENIALS: ReadonlySet<DeniedReason> = new Set([
  DeniedReason.CONTENDED,
  DeniedReason.LOCK_DELAY,
  DeniedReason.QUEUE_FULL,
  DeniedReason.REENTRANCY,
  DeniedReason.OWNER_BUSY,
]);

/** Refusals that say for sure that nothing was executed. */
const NOTHING_HAPPENED: ReadonlySet<ErrorReason> = new Set([
  ErrorReason.INVALID_FIELD,
  ErrorReason.LIMIT_EXCEEDED,
  ErrorReason.NOT_PERMITTED,
  ErrorReason.SECRET_MISMATCH,
  ErrorReason.SESSION_UNKNOWN,
  ErrorReason.STORAGE_LOW,
]);

/** Watches that an outcome, once given, stays what it was, and that refusals left no event. */
export class Outcomes {
  readonly #history: History;
  readonly #marks: Marks;
  readonly #known = new Map<string, Known>();
  readonly #eventless = new Map<string, bigint>();

  constructor(history: History, marks: Marks) {
    this.#history = history;
    this.#marks = marks;
  }

  /** A reply to a request of a session leaves. */
  replied(op: AnyOp, reply: unknown): void {
    switch (op.kind) {
      case "acquire":
        this.#acquired(op, reply as AcquireResponse);
        return;
      case "release":
        this.#released(op, reply as ReleaseResponse);
        return;
      case "cancelAcquire": {
        const { outcome } = reply as { outcome: CancelOutcome };
        if (outcome === CancelOutcome.ALREADY_GRANTED) this.#marks.hit("cancel finds a grant");
        if (outcome === CancelOutcome.UNKNOWN_REQUEST)
          this.#marks.hit("cancel comes before its acquire");
        if (outcome === CancelOutcome.CANCELLED) this.#marks.hit("waiter cancelled");
        this.#note(op, CancelOutcome[outcome]);
        return;
      }
    }
  }

  /** A request is refused. */
  refused(op: AnyOp, error: unknown): void {
    const { reason } = error as { reason?: ErrorReason };
    if (reason === undefined || !("caller" in op) || !("requestId" in op.request)) return;
    if (reason === ErrorReason.REQUEST_ID_ANSWERED) this.#marks.hit("answered request refused");
    if (NOTHING_HAPPENED.has(reason)) this.#leftNoEvent(op.caller.sessionId, op.request.requestId);
  }

  /** At the end: nothing that was refused or denied has left an event. */
  finish(): void {
    for (const { revision, causeRequestId, body } of this.#history.events) {
      if (causeRequestId === 0n || !("sessionId" in (body.value ?? {}))) continue;
      const { sessionId } = body.value as { sessionId: bigint };
      const epoch = this.#eventless.get(`${sessionId}/${causeRequestId}`);
      if (epoch === undefined || epoch !== this.#epochOf(revision)) continue;
      demand(
        false,
        "a refused request leaves no event",
        () => `request ${causeRequestId} of session ${sessionId} caused revision ${revision}`,
      );
    }
  }

  #acquired(op: Extract<AnyOp, { kind: "acquire" }>, { outcome }: AcquireResponse): void {
    const { sessionId } = op.caller;
    const { requestId } = op.request;
    if (outcome.case === "granted") {
      const { holdId, token } = outcome.value;
      const hold = this.#history.holds.get(holdId);
      demand(
        hold?.token === token && hold.sessionId === sessionId,
        "an acknowledged grant is durable",
        () =>
          `request ${requestId} of session ${sessionId} was told hold ${holdId} with token ${token}`,
      );
      this.#note(op, `granted ${holdId} ${token}`);
    } else if (outcome.case === "denied") {
      const { reason } = outcome.value;
      const eventless = EVENTLESS_DENIALS.has(reason);
      if (eventless) this.#leftNoEvent(sessionId, requestId);
      if (reason === DeniedReason.WAIT_TIMED_OUT) this.#marks.hit("wait timed out");
      if (reason === DeniedReason.LOCK_DELAY) this.#marks.hit("denied for a delay");
      if (reason === DeniedReason.OWNER_BUSY) this.#marks.hit("owner busy");
      if (reason === DeniedReason.REENTRANCY) this.#marks.hit("re-entry denied");
      this.#note(op, `denied ${DeniedReason[reason]}`);
    }
  }

  #released(op: Extract<AnyOp, { kind: "release" }>, reply: ReleaseResponse): void {
    const { holdId, token, requestId } = op.request;
    const hold = this.#history.holds.get(holdId);
    if (reply.outcome === ReleaseOutcome.RELEASED) {
      demand(
        hold?.end === "released" && hold.token === token,
        "a release that is acknowledged is durable",
        () => `request ${requestId} released hold ${holdId}`,
      );
    } else if (reply.outcome === ReleaseOutcome.LOST) {
      this.#marks.hit("release finds a loss");
    } else if (reply.outcome === ReleaseOutcome.NOT_HOLDER) {
      this.#marks.hit("stale release changes nothing");
    }
    this.#note(op, ReleaseOutcome[reply.outcome]);
  }

  #note(
    op: Extract<AnyOp, { kind: "acquire" | "release" | "cancelAcquire" }>,
    outcome: string,
  ): void {
    const { sessionId } = op.caller;
    const { requestId } = op.request;
    const id = `${sessionId}/${requestId}`;
    const durable = this.#history.hasEventOf(sessionId, requestId);
    const { epoch } = this.#history;
    const known = this.#known.get(id);
    if (known === undefined || (!known.durable && known.epoch !== epoch)) {
      this.#known.set(id, { outcome, epoch, durable });
      return;
    }
    this.#marks.hit(
      known.epoch === epoch ? "repeat answered from memory" : "repeat answered after a recovery",
    );
    const same =
      known.outcome === outcome || this.#sameAfterTheEnd(sessionId, known.outcome, outcome);
    demand(
      same,
      "an outcome never changes its mind",
      () => `request ${id} was answered ${known.outcome}, then ${outcome}`,
    );
  }

  /** An ended session is only remembered by what became of its holds. */
  #sameAfterTheEnd(sessionId: bigint, ...outcomes: string[]): boolean {
    const ended = this.#history.sessions.get(sessionId)?.state !== SessionState.ACTIVE;
    return ended && outcomes.every((outcome) => /^(ALREADY_)?RELEASED$/.test(outcome));
  }

  #leftNoEvent(sessionId: bigint, requestId: bigint): void {
    this.#eventless.set(`${sessionId}/${requestId}`, this.#history.epoch);
  }

  /** The epoch an event belongs to. */
  #epochOf(revision: bigint): bigint {
    let epoch = 0n;
    for (const event of this.#history.events) {
      if (event.revision > revision) break;
      if (event.body.case === "epochStarted") epoch = event.body.value.epoch;
    }
    return epoch;
  }
}
