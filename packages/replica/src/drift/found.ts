import type { Position } from "../rows.ts";

/** MISSING: the replica lacks the key. EXTRA: the server has no such key. DIVERGENT: both have it, and not the same. */
export type DriftKind = "MISSING" | "EXTRA" | "DIVERGENT";

/** What was done about drift. NONE: nothing. RESYNCED: the log itself was another one. */
export type DriftAction = "NONE" | "REPAIRED" | "QUARANTINED" | "RESYNCED";

/** One key that differs. */
export interface DriftFinding {
  readonly kind: DriftKind;
  readonly bucket: number;
  readonly key: Uint8Array;
  /** The seq of the replica's row; 0 when it has none. */
  readonly replicaSeq: bigint;
  /** The seq of the server's row; 0 when it has none. */
  readonly serverSeq: bigint;
}

/** What a comparison of all rows with the server's has found. */
export interface DriftFound {
  /** Where they were compared. */
  readonly asOf: Position;
  /** How many buckets differ; with too many of them they are not looked into, and this is the least. */
  readonly badBuckets: number;
  /** Each key that differs. */
  readonly findings: readonly DriftFinding[];
  readonly action: DriftAction;
}
