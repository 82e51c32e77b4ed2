import { EpochCause, type Event, LossReason } from "@lockstep/protocol";
import { Marks } from "../marks/marks.ts";
import { apply } from "./apply.ts";
import { existedAt, Ledger, tokenAt } from "./records.ts";
import { isSettled } from "./settled.ts";
import { demand } from "./violation.ts";

/**
 * What the durable events say, and whether they may. It knows the rules of locks from the contract, not
 * from the server's code.
 */
export class History {
  events: Event[] = [];
  ledger = new Ledger();
  /** How often an older copy was put back. */
  rewinds = 0;
  readonly #marks: Marks;
  // Requests that made an event, as session/request id.
  readonly #causes = new Set<string>();
  /** True time at which an event was decided, by its revision. */
  readonly #decidedMs = new Map<bigint, number>();
  #tail = 0n;
  #epoch = 0n;

  constructor(marks: Marks) {
    this.#marks = marks;
  }

  /** The revision of the last durable event. */
  get tail(): bigint {
    return this.#tail;
  }

  get epoch(): bigint {
    return this.#epoch;
  }

  /** The server has decided these; they may never become durable. */
  decided(events: readonly Event[], trueMs: number): void {
    for (const { revision } of events) this.#decidedMs.set(revision, trueMs);
  }

  /** An older copy is all there is: what came after this revision never happened. */
  rewind(tail: bigint): void {
    const { events } = this;
    const silent = new Marks();
    this.rewinds += 1;
    this.events = [];
    this.ledger = new Ledger();
    this.#causes.clear();
    this.#tail = 0n;
    this.#epoch = 0n;
    for (const event of events) if (event.revision <= tail) this.#takeOne(event, silent);
    // No server runs; the next one says how long it grants nothing.
    this.ledger.grantsPaused = true;
  }

  /**
   * Takes a durable batch. Returns the keys it is about.
   * @param onTaken called after each event, when the ledger is what it makes of it
   */
  take(events: readonly Event[], onTaken: (event: Event) => void): Set<string> {
    const touched = new Set<string>();
    for (const event of events) {
      this.#takeOne(event, this.#marks);
      onTaken(event);
      for (const key of this.#keysOf(event)) touched.add(key);
    }
    isSettled(this.ledger, touched, this.#tail);
    return touched;
  }

  /** Whether a request has made an event, so that its outcome outlives a recovery. */
  hasEventOf(sessionId: bigint, requestId: bigint): boolean {
    return this.#causes.has(`${sessionId}/${requestId}`);
  }

  /** Whether a live hold of this key had this token at a revision. */
  heldAt(key: string, token: bigint, revision: bigint): boolean {
    for (const hold of this.ledger.holds.values()) {
      if (!existedAt(hold, revision) || tokenAt(hold, revision) !== token) continue;
      if (hold.targets.some((target) => target.key === key)) return true;
    }
    return false;
  }

  /** The session whose request caused an event; undefined when none did. */
  causedBy({ causeRequestId, body }: Event): bigint | undefined {
    if (causeRequestId === 0n || body.value === undefined) return undefined;
    const { holds } = this.ledger;
    // What a Transfer grants, it grants to another session.
    if (body.case === "lockGranted" && body.value.transferredFrom !== 0n) {
      return holds.get(body.value.transferredFrom)?.sessionId;
    }
    if ("sessionId" in body.value) return body.value.sessionId;
    return "holdId" in body.value ? holds.get(body.value.holdId)?.sessionId : undefined;
  }

  #takeOne(event: Event, marks: Marks): void {
    this.#follows(event);
    this.events.push(event);
    const session = this.causedBy(event);
    if (session !== undefined) this.#causes.add(`${session}/${event.causeRequestId}`);
    const trueMs = this.#decidedMs.get(event.revision) ?? 0;
    if (event.body.case === "lockLost") this.#heldLongEnough(event.body.value, trueMs);
    apply({ ledger: this.ledger, marks, event, trueMs });
  }

  #follows({ revision, body }: Event): void {
    const first = body.case === "epochStarted" && body.value.cause === EpochCause.NEW_LINEAGE;
    const next = this.#tail + 1n;
    demand(
      first ? revision >= next : revision === next,
      "revisions rise without gap",
      () => `revision ${revision} follows ${this.#tail}`,
    );
    this.#tail = revision;
    if (body.case !== "epochStarted") return;
    const { epoch } = body.value;
    demand(epoch > this.#epoch, "epochs rise", () => `epoch ${epoch} follows ${this.#epoch}`);
    this.#epoch = epoch;
  }

  #heldLongEnough(
    { holdId, reason }: { holdId: bigint; reason: LossReason },
    trueMs: number,
  ): void {
    const hold = this.ledger.holds.get(holdId);
    if (reason !== LossReason.MAX_HOLD || hold === undefined) return;
    const heldMs = trueMs - (this.#decidedMs.get(hold.from) ?? trueMs);
    // One percent is more than any clock of a run is off.
    demand(
      heldMs * 1.01 + 2 >= hold.maxHoldMs,
      "a hold is held as long as it may be",
      () => `hold ${holdId} of ${hold.maxHoldMs} ms was lost after ${heldMs} ms`,
    );
  }

  /** The keys that an event is about; all of them for one that changes the rules. */
  #keysOf({ body }: Event): Iterable<string> {
    const { value } = body;
    if (value === undefined) return [];
    if ("targets" in value) return value.targets.map(({ key }) => key);
    if ("target" in value && value.target) return [value.target.key];
    if (body.case === "sessionForgotten" || body.case === "servedTimeAdvanced") return [];
    return this.ledger.keys.keys();
  }
}
