import type { Contend } from "./contention.ts";
import type { Cycle, Round } from "./measure.ts";

/** Something to be measured, started once and measured in every round. */
export interface Contestant {
  /** What it is, as the table shows it. */
  readonly name: string;
  /** How many callers work at once. */
  readonly callers: number;
  /** Whether all callers want the same lock, instead of each its own. */
  readonly contended: boolean;
  /** What is measured. */
  readonly work: Work;
  /** Brings what its next measuring needs and what would not last until then, such as a lease. */
  prepare?(): Promise<void>;
  /** Gives back what `prepare` brought; called also when the measuring failed. */
  finish?(): Promise<void>;
  /** Whether the requests since `prepare` were granted in the order in which they reached the server, by its own word. */
  arrivalOrderKept?(): Promise<boolean>;
}

/**
 * What is repeated: a cycle, or for callers that want the same lock its taking; or a program that repeats it by itself
 * for so many milliseconds and tells the result.
 */
type Work =
  | { readonly cycle: Cycle }
  | { readonly contend: Contend }
  | { readonly run: (durationMs: number) => Promise<Round> };

/** Contestants that share what they need, such as a server. */
export interface Group {
  readonly contestants: readonly Contestant[];
  /** What was measured, such as `redis-server 7.0.15`, and with which libraries. */
  readonly version: string;
  /** Ends what was started for them. */
  close(): Promise<void>;
}

/** How many callers the contestants of a group have. */
export interface Sizes {
  /** Callers with a lock each, one contestant for each number. */
  readonly callers: readonly number[];
  /** Callers that all want the same lock. */
  readonly contending: number;
}

/** What a peer needs is not on this machine; the report says so instead of its figures. */
export class PeerMissingError extends Error {
  override readonly name = "PeerMissingError";
}
