import type { SessionState } from "@lockstep/protocol";
import type { Delay } from "./delay.ts";
import type { Hold, LostHold, PastHold } from "./hold.ts";
import { IdRanges } from "./id-ranges.ts";
import type { Outcome } from "./outcome.ts";
import { SmallMap } from "./small-map.ts";
import type { Ticket } from "./ticket.ts";

/** A session, live or remembered. */
export interface SessionRecord {
  readonly id: bigint;
  readonly principal: string;
  /** The SHA-256 of its secret, as `secretKey` writes it. */
  readonly secretKey: string;
  readonly ttlMs: number;
  readonly displayName: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly openedAtMs: number;
  state: SessionState;
  endedAtMs: number;
  /** By rising id. */
  readonly holds: SmallMap<bigint, Hold>;
  /** By rising id. */
  readonly tickets: SmallMap<bigint, Ticket>;
  /** What its holds and tickets take in memory and in GetSession; see `heldBytes`. */
  heldBytes: number;
  /** Which ticket an owner waits with. A Convert of a hold without an owner is found at the hold. */
  readonly busyOwners: SmallMap<string, bigint>;
  /** What each owner holds, by key; an owner holds a key once at most. */
  readonly ownedKeys: SmallMap<string, SmallMap<string, Hold>>;
  readonly delays: SmallMap<bigint, Delay>;
  /** What it released or gave away, oldest first; at most `RELEASED_HOLDS_MAX`, and all it held when it was closed. */
  readonly released: SmallMap<bigint, PastHold>;
  /** What it lost, oldest first; at most `LOST_HOLDS_MAX`, and all it held when it ended. */
  readonly lost: SmallMap<bigint, LostHold>;
  /**
   * Revisions of events that took a hold from it, or asked for one, while it lived; rising. All but the
   * last durable go.
   */
  news: readonly bigint[];
  readonly outcomes: SmallMap<bigint, Outcome>;
  /** Request ids whose final reply the client has. Volatile as far as `answeredPending` goes. */
  readonly answered: IdRanges;
  /** Volatile: what of `answered` no event has told yet. The next one that the session causes does. */
  readonly answeredPending: IdRanges;
  /** Whether the ids that were last confirmed did not all fit into `answered`. Volatile. */
  answeredOverflows: boolean;
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

/** Notes the revision of an event that took a hold from a session, or asked for one. */
export function noteNews(session: SessionRecord, revision: bigint): void {
  if (session.news === NO_NEWS) session.news = [revision];
  else (session.news as bigint[]).push(revision);
}

/** Forgets the first so many news. */
export function forgetNews(session: SessionRecord, count: number): void {
  session.news = session.news.slice(count);
}

const NO_NEWS: readonly bigint[] = Object.freeze([]);

/** Creates the record of a session that has just been opened. */
export function newSession(
  fixed: Pick<
    SessionRecord,
    "id" | "principal" | "secretKey" | "ttlMs" | "displayName" | "metadata" | "openedAtMs" | "state"
  >,
): SessionRecord {
  return {
    ...fixed,
    endedAtMs: 0,
    holds: new SmallMap(),
    tickets: new SmallMap(),
    heldBytes: 0,
    busyOwners: new SmallMap(),
    ownedKeys: new SmallMap(),
    delays: new SmallMap(),
    released: new SmallMap(),
    lost: new SmallMap(),
    news: NO_NEWS,
    outcomes: new SmallMap(),
    answered: new IdRanges(),
    answeredPending: new IdRanges(),
    answeredOverflows: false,
    renewedAtMs: Number.NEGATIVE_INFINITY,
  };
}
