import { EpochCause, type Event, LossReason } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import { changeCount, convert, endHold, grant } from "./apply-holds.ts";
import { endDelay, lose } from "./apply-losses.ts";
import {
  changePolicy,
  clearKey,
  configure,
  end,
  open,
  quarantine,
  startEpoch,
} from "./apply-sessions.ts";
import { endWait, queue, queueConvert } from "./apply-waits.ts";
import { existedAt, Ledger, tokenAt } from "./records.ts";
import { isSettled } from "./settled.ts";
import { demand } from "./violation.ts";

/**
 * What the durable events say, and whether they may. It knows the rules of locks from the contract, not
 * from the server's code.
 */
export class History {
  readonly events: Event[] = [];
  readonly ledger = new Ledger();
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

  /** Takes a durable batch. Returns the keys it is about. */
  take(events: readonly Event[]): Set<string> {
    const touched = new Set<string>();
    for (const event of events) {
      this.#follows(event);
      this.events.push(event);
      const session = this.causedBy(event);
      if (session !== undefined) this.#causes.add(`${session}/${event.causeRequestId}`);
      this.#apply(event);
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

  #apply(event: Event): void {
    const { body, revision } = event;
    const { ledger } = this;
    const marks = this.#marks;
    const trueMs = this.#decidedMs.get(revision) ?? 0;
    switch (body.case) {
      case "epochStarted":
        return startEpoch(ledger, body.value, marks);
      case "sessionOpened":
        return open(ledger, body.value, event);
      case "sessionEnded":
        return end(ledger, body.value, revision, marks);
      case "lockQueued":
        return queue(ledger, body.value, revision);
      case "convertQueued":
        return queueConvert(ledger, body.value, revision, marks);
      case "ticketEnded":
        return endWait(ledger, body.value, revision, marks);
      case "lockGranted":
        return grant(ledger, body.value, event, marks);
      case "holdCountChanged":
        return changeCount(ledger, body.value, marks);
      case "holdConverted":
        return convert(ledger, body.value, revision, marks);
      case "lockReleased":
        endHold(ledger, body.value, revision, "released");
        return;
      case "holdTransferred":
        endHold(ledger, body.value, revision, "transferred");
        return;
      case "lockLost":
        this.#heldLongEnough(body.value, trueMs);
        return lose(ledger, body.value, revision, trueMs, marks);
      case "delayEnded":
        return endDelay(ledger, body.value, event, trueMs, marks);
      case "keyQuarantineCleared":
        return clearKey(ledger, body.value, marks);
      case "identityQuarantined":
        return quarantine(ledger, body.value, marks);
      case "identityQuarantineCleared":
        ledger.quarantined.delete(body.value.principal);
        return;
      case "policyChanged":
        return changePolicy(ledger, body.value, marks);
      case "namespaceConfigured":
        return configure(ledger, body.value, marks);
      case "holdValueSet":
        marks.hit("value set");
        return;
      case "releaseRequested":
        marks.hit("release requested");
        return;
      default:
        return;
    }
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
