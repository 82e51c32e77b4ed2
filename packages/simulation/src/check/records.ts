import type { LockPolicy, LockTarget, SessionState } from "@lockstep/protocol";

/** A span of revisions: from the event that began something up to the one that ended it. */
interface Span {
  readonly from: bigint;
  to: bigint | undefined;
}

/** A session, as the events tell of it. */
export interface SessionRecord extends Span {
  readonly id: bigint;
  readonly ttlMs: number;
  readonly displayName: string;
  readonly principal: string;
  state: SessionState;
  readonly holds: Set<HoldRecord>;
  readonly tickets: Set<TicketRecord>;
}

/** A hold. */
export interface HoldRecord extends Span {
  readonly id: bigint;
  /** Its tokens, the newest last, each with the revision from which it is the one. */
  readonly tokens: { readonly token: bigint; readonly from: bigint }[];
  readonly sessionId: bigint;
  /** The requests that it was granted to, that entered it again or converted it. */
  readonly requestIds: Set<bigint>;
  readonly owner: string;
  targets: readonly LockTarget[];
  readonly maxHoldMs: number;
  readonly grantedAtMs: number;
  count: number;
  end: "released" | "lost" | "transferred" | undefined;
}

/** A lost hold whose keys stay blocked. */
export interface DelayRecord extends Span {
  readonly hold: HoldRecord;
  /** At least so long, whatever the client says. */
  readonly lockDelayMs: number;
  readonly lostAtMs: number;
}

/** A waiting acquire, or a waiting conversion. */
export interface TicketRecord extends Span {
  readonly id: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly owner: string;
  readonly targets: readonly LockTarget[];
  readonly priority: number;
  /** The hold that a conversion wants to change. */
  readonly convertOf: HoldRecord | undefined;
}

/** A key: who holds it, what blocks it, who waits. */
export interface KeyRecord {
  readonly key: string;
  readonly holds: Set<HoldRecord>;
  readonly delays: Set<DelayRecord>;
  /** In order of arrival. */
  readonly queue: Set<TicketRecord>;
  /** The hold whose loss put it into quarantine. */
  quarantine: HoldRecord | undefined;
}

/** All there is at a revision. */
export class Ledger {
  readonly sessions = new Map<bigint, SessionRecord>();
  readonly holds = new Map<bigint, HoldRecord>();
  readonly delays = new Map<bigint, DelayRecord>();
  readonly tickets = new Map<bigint, TicketRecord>();
  readonly keys = new Map<string, KeyRecord>();
  readonly policies = new Map<string, LockPolicy>();
  readonly quarantined = new Set<string>();
  /** Holds whose keys an operator freed at once, although their client may still believe. */
  readonly freedAtOnce = new Set<bigint>();
  ascending = false;
  /** A new lineage grants nothing for a while; the first grant ends that. */
  grantsPaused = false;
  /** Until when, in true time at the earliest. */
  grantsFromMs = 0;

  keyOf(key: string): KeyRecord {
    let record = this.keys.get(key);
    if (record === undefined) {
      record = {
        key,
        holds: new Set(),
        delays: new Set(),
        queue: new Set(),
        quarantine: undefined,
      };
      this.keys.set(key, record);
    }
    return record;
  }

  /** How many permits a key offers; 0 when it takes every other mode. */
  permitsOf(key: string): number {
    let longest: string | undefined;
    for (const prefix of this.policies.keys()) {
      if (key.startsWith(prefix) && prefix.length >= (longest?.length ?? 0)) longest = prefix;
    }
    return longest === undefined ? 0 : (this.policies.get(longest)?.permits ?? 0);
  }
}

/** Whether something existed at a revision. */
export function existedAt({ from, to }: Span, revision: bigint): boolean {
  return from <= revision && (to === undefined || revision < to);
}

/** The token of a hold at a revision at which it existed. */
export function tokenAt({ tokens }: HoldRecord, revision: bigint): bigint {
  return tokens.findLast(({ from }) => from <= revision)?.token ?? 0n;
}

/** What of these targets concerns a key. */
export function targetOf(targets: readonly LockTarget[], key: string): LockTarget {
  const found = targets.find((target) => target.key === key);
  if (found === undefined) throw new Error(`no target names ${key}`);
  return found;
}
