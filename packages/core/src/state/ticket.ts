import type { HoldTerms, LockTarget } from "@lockstep/protocol";

/** A waiting acquire or convert. */
export interface Ticket {
  readonly id: bigint;
  readonly sessionId: bigint;
  readonly requestId: bigint;
  readonly owner: string;
  /** What is wanted; of a Convert the one key with the mode it shall have. */
  readonly targets: readonly LockTarget[];
  readonly queuedAtMs: number;
  readonly correlationId: string;
  readonly fingerprint: bigint;
  readonly waitMs: number;
  /** In a cycle of waiters the lowest is denied. */
  readonly deadlockPriority: number;
  /** What was asked for the hold; undefined when nothing was. */
  readonly terms: HoldTerms | undefined;
  /** The hold that a Convert wants to change; 0 for an Acquire. */
  readonly convertOf: bigint;
  /** Volatile: when the wait is over, on the monotonic clock. */
  deadlineMs: number;
}
