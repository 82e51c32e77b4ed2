import type { Event, JournalOnly } from "@lockstep/protocol";
import type { RowFacts } from "../dataset/rows.ts";
import type { Now, OpKind, Reply } from "../op.ts";
import type { SessionRecord } from "../state/session.ts";

/** What is known at the moment of a decision beside the state and the time. */
export interface Facts {
  /** The last durable revision; what a keep-alive may speak of. */
  readonly durableRevision: bigint;
  /** The disk is nearly full: nothing that grows is accepted. */
  readonly storageLow: boolean;
  /** The rows that the operation names; undefined of one that names none. */
  readonly rows?: RowFacts | undefined;
}

/** What an operation leads to. Its events are the asker's: what they lead to is added to them. */
export interface Decision<K extends OpKind = OpKind> {
  /** What happens, in order; none for reads, repeats and expected refusals. */
  readonly events: Event[];
  /** The reply, or the ticket whose end will bring it; of an append, the number of its wait for replicas. */
  readonly answer:
    | { readonly kind: "reply"; readonly reply: Reply<K> }
    | { readonly kind: "waiting"; readonly ticketId: bigint };
}

/** A decision that changes nothing. */
export function replyOnly<K extends OpKind>(reply: Reply<K>): Decision<K> {
  return { events: [], answer: { kind: "reply", reply } };
}

/** A decision with events whose reply is known at once. */
export function replyWith<K extends OpKind>(events: Event[], reply: Reply<K>): Decision<K> {
  return { events, answer: { kind: "reply", reply } };
}

/** What the events of one operation have in common. */
export interface Cause {
  /** Whose call it is: what it has confirmed as answered goes with the first event. */
  readonly session?: SessionRecord;
  readonly actor?: string;
  readonly correlationId?: string;
  readonly reason?: string;
  readonly requestId?: bigint;
  readonly fingerprint?: bigint;
}

/** Collects the events of one operation and numbers them. */
export class Draft {
  readonly #now: Now;
  readonly #cause: Cause;
  #revision: bigint;
  #events: Event[] | undefined;

  /** `revision` is the last one before the operation. */
  constructor(revision: bigint, now: Now, cause: Cause = {}) {
    this.#revision = revision;
    this.#now = now;
    this.#cause = cause;
  }

  /** Those so far. */
  get events(): Event[] {
    this.#events ??= [];
    return this.#events;
  }

  /** The revision the next event will have. */
  get next(): bigint {
    return this.#revision + 1n;
  }

  /** Adds an event. `journalOnly` replaces the fingerprint of the cause. */
  add(body: Event["body"], journalOnly?: Event["journalOnly"]): Event {
    this.#revision += 1n;
    const {
      actor = "",
      correlationId = "",
      reason = "",
      requestId = 0n,
      fingerprint = 0n,
      session,
    } = this.#cause;
    const event: Event = {
      $typeName: "lockstep.v1.Event",
      revision: this.#revision,
      decidedAtMs: millisOf(this.#now.unixMs),
      node: "",
      actor,
      correlationId,
      reason,
      causeRequestId: requestId,
      body,
    };
    const isFirst = this.#events === undefined || this.#events.length === 0;
    const answered = isFirst ? (session?.answeredPending.toRanges() ?? NO_RANGES) : NO_RANGES;
    if (journalOnly !== undefined) event.journalOnly = journalOnly;
    else if (fingerprint !== 0n || answered.length > 0)
      event.journalOnly = journalOnlyOf({ contentFingerprint: fingerprint, answered });
    // An array that is written like this has room for what is in it and no more.
    if (this.#events === undefined) this.#events = [event];
    else this.#events.push(event);
    return event;
  }
}

// Most events are decided in the millisecond of the one before.
let lastMs = 0;
let lastMillis = 0n;

function millisOf(ms: number): bigint {
  if (ms === lastMs) return lastMillis;
  lastMs = ms;
  lastMillis = BigInt(ms);
  return lastMillis;
}

const NO_BYTES = new Uint8Array();
const NO_RANGES: JournalOnly["answered"] = [];
const NO_CHANGES: JournalOnly["changes"] = [];

/** What only the journal may know of an event; what is not given is empty. */
export function journalOnlyOf({
  secretSha256 = NO_BYTES,
  contentFingerprint = 0n,
  answered = NO_RANGES,
  changes = NO_CHANGES,
  salt = NO_BYTES,
  instance = NO_BYTES,
}: Partial<JournalOnly>): JournalOnly {
  return {
    $typeName: "lockstep.v1.JournalOnly",
    secretSha256,
    contentFingerprint,
    answered,
    changes,
    salt,
    instance,
  };
}
