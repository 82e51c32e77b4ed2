import type { SessionState } from "@lockstep/protocol";
import type { Delay } from "./delay.ts";
import type { Hold, LostHold } from "./hold.ts";
import { IdRanges } from "./id-ranges.ts";
import type { Outcome } from "./outcome.ts";
import type { Ticket } from "./ticket.ts";

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
  /** What its holds and tickets take in memory and in GetSession; see `heldBytes`. */
  heldBytes: number;
  /** Which ticket an owner waits with. A Convert of a hold without an owner is found at the hold. */
  readonly busyOwners: Map<string, bigint>;
  /** What each owner holds, by key; an owner holds a key once at most. */
  readonly ownedKeys: Map<string, Map<string, Hold>>;
  readonly delays: Map<bigint, Delay>;
  /** What it released or gave away, oldest first; at most `RELEASED_HOLDS_MAX`, and all it held when it was closed. */
  readonly released: Map<bigint, Hold>;
  /** What it lost, oldest first; at most `LOST_HOLDS_MAX`, and all it held when it ended. */
  readonly lost: Map<bigint, LostHold>;
  /**
   * Revisions of events that took a hold from it, or asked for one, while it lived; rising. All but the
   * last durable go.
   */
  readonly news: bigint[];
  readonly outcomes: Map<bigint, Outcome>;
  /** Request ids whose final reply the client has. Volatile as far as `answeredPending` goes. */
  readonly answered: IdRanges;
  /** Volatile: what of `answered` no event has told yet. The next one that the session causes does. */
  readonly answeredPending: IdRanges;
  /** Volatile: when the last keep-alive (or Open, or recovery) was received, monotonic. */
  renewedAtMs: number;
}

/** How many released holds a live session remembers. */
export const RELEASED_HOLDS_MAX = 128;

/**
 * How many lost holds a live session remembers. Apart from those it released, of which there are many:
 * a loss must be told until it is confirmed.
 */
export const LOST_HOLDS_MAX = 1_024;

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
    ownedKeys: new Map(),
    delays: new Map(),
    released: new Map(),
    lost: new Map(),
    news: [],
    outcomes: new Map(),
    answered: new IdRanges(),
    answeredPending: new IdRanges(),
    renewedAtMs: Number.NEGATIVE_INFINITY,
  };
}
