import type { Limits, LockTarget, LossReason, SessionState } from "@lockstep/protocol";
import { DueQueue } from "./due.ts";
import { IdRanges } from "./id-ranges.ts";
import type { Outcome } from "./outcome.ts";

/** A granted acquire: all its targets under one token. */
export interface Hold {
  readonly id: bigint;
  readonly token: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly owner: string;
  readonly targets: readonly LockTarget[];
  readonly grantedAtMs: number;
  readonly correlationId: string;
}

/** A waiting acquire. */
export interface Ticket {
  readonly id: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly owner: string;
  readonly targets: readonly LockTarget[];
  readonly queuedAtMs: number;
  readonly correlationId: string;
  readonly fingerprint: bigint;
  readonly waitMs: number;
  /** Volatile: when the wait is over, on the monotonic clock. */
  deadlineMs: number;
}

/** A lost hold whose keys stay blocked until its client must have noticed. */
export interface Delay {
  readonly hold: Hold;
  readonly reason: LossReason;
  readonly lostRevision: bigint;
  readonly lostAtMs: number;
  /** How long the client may go on believing after it was last renewed without being told. */
  readonly ttlMs: number;
  /** Used up in earlier epochs and, as last journaled, in this one. */
  consumedMs: number;
  /** Volatile: consumed before `sinceMs`; what the journal said at recovery. */
  consumedBeforeMs: number;
  /** Volatile: the last keep-alive, or Open, that was answered without telling the loss. */
  sinceMs: number;
}

/** A hold that was lost, remembered so that a late Release gets a true answer. */
export interface LostHold {
  readonly hold: Hold;
  readonly reason: LossReason;
}

/** A session, live or remembered. */
export interface SessionRecord {
  readonly id: bigint;
  readonly principal: string;
  readonly secretSha256: Uint8Array;
  readonly ttlMs: number;
  readonly displayName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly openedAtMs: number;
  state: SessionState;
  endedAtMs: number;
  /** By rising id. */
  readonly holds: Map<bigint, Hold>;
  /** By rising id. */
  readonly tickets: Map<bigint, Ticket>;
  /** Bytes of keys and owners of its holds and tickets. */
  heldBytes: number;
  /** Which ticket an owner waits with. */
  readonly busyOwners: Map<string, bigint>;
  readonly delays: Map<bigint, Delay>;
  /** What it released, oldest first; at most `RELEASED_HOLDS_MAX`, and all it held when it was closed. */
  readonly released: Map<bigint, Hold>;
  /** What it lost, oldest first; at most `LOST_HOLDS_MAX`, and all it held when it ended. */
  readonly lost: Map<bigint, LostHold>;
  /** Revisions of events that took a hold from it while it lived, rising; all but the last durable go. */
  readonly news: bigint[];
  readonly outcomes: Map<bigint, Outcome>;
  /** Volatile: request ids whose final reply the client has. */
  readonly answered: IdRanges;
  /** Volatile: when the last keep-alive (or Open, or recovery) was received, monotonic. */
  renewedAtMs: number;
}

/** A key in use. */
export interface KeyRecord {
  readonly key: string;
  /** By rising id. */
  readonly holds: Hold[];
  readonly delays: Delay[];
  /** By arrival. */
  readonly queue: Map<bigint, Ticket>;
}

/** How many released holds a live session remembers. */
export const RELEASED_HOLDS_MAX = 128;

/**
 * How many lost holds a live session remembers. Apart from those it released, of which there are many:
 * a loss must be told until it is confirmed, and each is an operator's act.
 */
export const LOST_HOLDS_MAX = 1_024;

/** Everything a namespace knows. Changed by `apply` alone, but for what is called volatile. */
export class NamespaceState {
  epoch = 0n;
  revision = 0n;
  readonly sessions = new Map<bigint, SessionRecord>();
  /** Sessions by their secret's SHA-256 in hex. */
  readonly sessionsBySecret = new Map<string, SessionRecord>();
  readonly sessionsByPrincipal = new Map<string, number>();
  activeSessions = 0;
  /** Sessions that have ended and are remembered, in the order in which they ended. */
  readonly endedSessions = new Set<bigint>();
  readonly keys = new Map<string, KeyRecord>();
  readonly holds = new Map<bigint, Hold>();
  readonly tickets = new Map<bigint, Ticket>();
  readonly delays = new Map<bigint, Delay>();
  /** Volatile: reminders of deadlines. */
  readonly due = new DueQueue();
  /** Volatile: keys that became free and may be granted to their next waiter. */
  readonly freed = new Set<string>();
  /** How long a new lineage grants nothing, from the start of the epoch; 0 once it has granted. */
  grantPauseMs = 0;
  /** Volatile: nothing is granted before this moment, monotonic. */
  grantsFromMs = Number.NEGATIVE_INFINITY;
  readonly limits: Limits;

  constructor(limits: Limits) {
    this.limits = limits;
  }
}

/** Creates the record of a session that has just been opened. */
export function newSession(
  fixed: Pick<
    SessionRecord,
    | "id"
    | "principal"
    | "secretSha256"
    | "ttlMs"
    | "displayName"
    | "metadata"
    | "openedAtMs"
    | "state"
  >,
): SessionRecord {
  return {
    ...fixed,
    endedAtMs: 0,
    holds: new Map(),
    tickets: new Map(),
    heldBytes: 0,
    busyOwners: new Map(),
    delays: new Map(),
    released: new Map(),
    lost: new Map(),
    news: [],
    outcomes: new Map(),
    answered: new IdRanges(),
    renewedAtMs: Number.NEGATIVE_INFINITY,
  };
}
