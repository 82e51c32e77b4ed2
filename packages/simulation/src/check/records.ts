import { LockMode, type LockTarget, type SessionState } from "@lockstep/protocol";

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
  readonly token: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly targets: readonly LockTarget[];
  end: "released" | "lost" | undefined;
}

/** A lost hold whose keys stay blocked. */
export interface DelayRecord extends Span {
  readonly hold: HoldRecord;
}

/** A waiting acquire. */
export interface TicketRecord extends Span {
  readonly id: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly targets: readonly LockTarget[];
}

/** A key: who holds it, what blocks it, who waits, in order of arrival. */
export interface KeyRecord {
  readonly key: string;
  readonly holds: Set<HoldRecord>;
  readonly delays: Set<DelayRecord>;
  readonly queue: Set<TicketRecord>;
}

/** Whether something existed at a revision. */
export function existedAt({ from, to }: Span, revision: bigint): boolean {
  return from <= revision && (to === undefined || revision < to);
}

/** Whether two targets of the same key exclude each other. */
export function modesConflict(a: LockTarget, b: LockTarget): boolean {
  return a.mode === LockMode.EXCLUSIVE || b.mode === LockMode.EXCLUSIVE;
}

/** What of these targets concerns a key. */
export function targetOf(targets: readonly LockTarget[], key: string): LockTarget {
  const found = targets.find((target) => target.key === key);
  if (found === undefined) throw new Error(`no target names ${key}`);
  return found;
}
