import {
  type AcquireResponse,
  CancelOutcome,
  type ConvertResponse,
  DeniedReason,
  ErrorReason,
  HoldEnd,
  type OpenSessionResponse,
  ReleaseOutcome,
  type ReleaseResponse,
  SessionState,
  type TransferResponse,
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

type OpOf<K extends AnyOp["kind"]> = Extract<AnyOp, { kind: K }>;
type Answered = OpOf<"acquire" | "release" | "cancelAcquire" | "convert" | "transfer" | "setValue">;

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
  /** The session that was opened with a secret, by its hash. */
  readonly #opened = new Map<string, bigint>();

  constructor(history: History, marks: Marks) {
    this.#history = history;
    this.#marks = marks;
  }

  /** An older copy was put back: what was said since may be said differently. */
  forget(): void {
    this.#known.clear();
    this.#opened.clear();
    this.#eventless.clear();
  }

  /** A reply to a request of a session leaves. */
  replied(op: AnyOp, reply: unknown): void {
    if (op.kind === "openSession") this.#open(op, reply as OpenSessionResponse);
    else if (op.kind === "acquire") this.#acquired(op, reply as AcquireResponse);
    else if (op.kind === "convert") this.#acquired(op, reply as ConvertResponse);
    else if (op.kind === "transfer") this.#transferred(op, reply as TransferResponse);
    else if (op.kind === "release") this.#released(op, reply as ReleaseResponse);
    else if (op.kind === "setValue") {
      const { notHeld } = reply as { notHeld?: { end: HoldEnd } };
      this.#note(op, notHeld ? `not held ${HoldEnd[notHeld.end]}` : "set");
    } else if (op.kind === "cancelAcquire") {
      const { outcome } = reply as { outcome: CancelOutcome };
      this.#marks.hit(`cancel: ${CancelOutcome[outcome]}`);
      this.#note(op, CancelOutcome[outcome]);
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
    let epoch = 0n;
    for (const event of this.#history.events) {
      if (event.body.case === "epochStarted") epoch = event.body.value.epoch;
      const sessionId = this.#history.causedBy(event);
      if (sessionId === undefined) continue;
      const refusedIn = this.#eventless.get(`${sessionId}/${event.causeRequestId}`);
      demand(
        refusedIn !== epoch,
        "a refused request leaves no event",
        () =>
          `request ${event.causeRequestId} of session ${sessionId} caused revision ${event.revision}`,
      );
    }
  }

  /** The same secret opens the same session, however often it comes. */
  #open({ secretSha256 }: OpOf<"openSession">, { sessionId }: OpenSessionResponse): void {
    const secret = Buffer.from(secretSha256).toString("hex");
    const before = this.#opened.get(secret);
    this.#opened.set(secret, sessionId);
    if (before === undefined) return;
    this.#marks.hit("replayed Open");
    demand(
      before === sessionId,
      "a secret opens one session",
      () => `${before}, then ${sessionId}`,
    );
  }

  #acquired(op: OpOf<"acquire" | "convert">, { outcome }: AcquireResponse | ConvertResponse): void {
    const { sessionId } = op.caller;
    const { requestId } = op.request;
    if (outcome.case === "granted") {
      const { holdId, token } = outcome.value;
      this.#isDurable(sessionId, requestId, holdId, token);
      this.#note(op, `granted ${holdId} ${token}`);
    } else if (outcome.case === "denied") {
      const { reason } = outcome.value;
      this.#marks.hit(`${op.kind} denied: ${DeniedReason[reason]}`);
      if (!this.#history.hasEventOf(sessionId, requestId)) this.#leftNoEvent(sessionId, requestId);
      this.#note(op, `denied ${DeniedReason[reason]}`);
    } else if (outcome.case === "notHeld") {
      this.#note(op, `not held ${HoldEnd[outcome.value.end]}`);
    }
  }

  #transferred(op: OpOf<"transfer">, { outcome }: TransferResponse): void {
    if (outcome.case === "granted") {
      const { toSessionId, toRequestId } = op.request;
      this.#isDurable(toSessionId, toRequestId, outcome.value.holdId, outcome.value.token);
      this.#note(op, `granted ${outcome.value.holdId}`);
    } else if (outcome.case === "denied") {
      this.#marks.hit(`transfer denied: ${DeniedReason[outcome.value.reason]}`);
      this.#leftNoEvent(op.caller.sessionId, op.request.requestId);
      this.#note(op, `denied ${DeniedReason[outcome.value.reason]}`);
    } else if (outcome.case === "notHeld") {
      this.#note(op, `not held ${HoldEnd[outcome.value.end]}`);
    }
  }

  #isDurable(sessionId: bigint, requestId: bigint, holdId: bigint, token: bigint): void {
    const hold = this.#history.ledger.holds.get(holdId);
    const own = hold?.sessionId === sessionId && hold.requestIds.has(requestId);
    const known = hold?.tokens.some((one) => one.token === token) ?? false;
    // A conversion into the mode that a key has already changes nothing.
    const unchanged = hold?.sessionId === sessionId && known;
    demand(
      (own && known) || unchanged,
      "an acknowledged grant is durable",
      () =>
        `request ${requestId} of session ${sessionId} was told hold ${holdId} with token ${token}`,
    );
  }

  #released(op: OpOf<"release">, { outcome, count }: ReleaseResponse): void {
    const { holdId } = op.request;
    const hold = this.#history.ledger.holds.get(holdId);
    this.#marks.hit(`release: ${ReleaseOutcome[outcome]}`);
    if (outcome === ReleaseOutcome.RELEASED) {
      demand(
        hold?.end === "released",
        "a release that is acknowledged is durable",
        () => `request ${op.request.requestId} released hold ${holdId}`,
      );
    }
    this.#note(op, `${ReleaseOutcome[outcome]} ${count}`);
  }

  #note(op: Answered, outcome: string): void {
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
      () => `${op.kind} ${id} was answered ${known.outcome}, then ${outcome}`,
    );
  }

  /** An ended session is only remembered by what became of its holds. */
  #sameAfterTheEnd(sessionId: bigint, ...outcomes: string[]): boolean {
    const ended = this.#history.ledger.sessions.get(sessionId)?.state !== SessionState.ACTIVE;
    return (
      ended && outcomes.every((outcome) => /^((ALREADY_)?RELEASED|STILL_HELD|LOST) /.test(outcome))
    );
  }

  #leftNoEvent(sessionId: bigint, requestId: bigint): void {
    this.#eventless.set(`${sessionId}/${requestId}`, this.#history.epoch);
  }
}
