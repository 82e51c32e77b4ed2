import type { DriftFound } from "./drift/found.ts";
import type { State } from "./events.ts";
import type { Registration } from "./follow/registration.ts";
import type { Holdings } from "./holdings.ts";
import type { Settings } from "./options.ts";
import type { BreakerState } from "./poison/breaker.ts";
import type { Courier } from "./poison/courier.ts";
import type { Standing } from "./standing.ts";
import type { Scrubber, ScrubStatus } from "./verify/scrubber.ts";

/** How a replica is doing, at one moment. */
export interface ReplicaStatus {
  readonly dataset: string;
  readonly replica: string;
  readonly state: State;
  /** Why it has stopped; undefined while it runs. */
  readonly stopped: Error | undefined;
  /** Why the server is not followed; undefined while it is, and before the first attempt has failed. */
  readonly disconnectedBy: unknown;
  /** Why its rows must not be used; empty when they may, or when there are none. */
  readonly quarantine: string;
  /** The registration in force, 0 before the first. */
  readonly generation: bigint;
  /** Every change up to here can be read. */
  readonly appliedSeq: bigint;
  /** A checkpoint has shown that the rows are right up to here. */
  readonly verifiedSeq: bigint;
  /** The highest head that the server has told. */
  readonly headSeq: bigint;
  /** How many changes it has still to apply. */
  readonly lagChanges: bigint;
  /** Every change acknowledged so long ago can be read, milliseconds; Infinity when nothing is known. */
  readonly stalenessMs: number;
  /** How many rows can be read. */
  readonly rows: number;
  /** How far the snapshot under way is; undefined without one. */
  readonly snapshot: { readonly rows: number; readonly estimate: number } | undefined;
  /** How many changes are parked. */
  readonly deadLetters: number;
  readonly breaker: BreakerState;
  /** Drift that was found and not repaired. */
  readonly drift: DriftFound | undefined;
  readonly scrub: ScrubStatus;
}

/** What a status is made of. */
interface StatusParts<Tx> {
  readonly settings: Settings<Tx>;
  readonly holdings: Holdings<Tx>;
  readonly standing: Standing<Tx>;
  readonly courier: Courier;
  readonly scrubber: Scrubber<Tx>;
  readonly registration: Registration;
}

export function statusOf<Tx>(parts: StatusParts<Tx>): ReplicaStatus {
  const { settings, holdings, standing, courier, scrubber, registration } = parts;
  const { published, staged, letters } = holdings;
  const appliedSeq = published?.progress.cursor.seq ?? 0n;
  const { headSeq } = standing;
  return {
    dataset: settings.dataset,
    replica: settings.replica,
    state: standing.state,
    stopped: standing.stopped,
    disconnectedBy: standing.disconnectedBy,
    quarantine: published?.progress.quarantine ?? "",
    generation: registration.generation,
    appliedSeq,
    verifiedSeq: published?.progress.verifiedSeq ?? 0n,
    headSeq,
    lagChanges: headSeq > appliedSeq ? headSeq - appliedSeq : 0n,
    stalenessMs: standing.freshness.stalenessMs(),
    rows: published?.digest.count ?? 0,
    snapshot: staged
      ? (standing.snapshot ?? { rows: staged.digest.count, estimate: 0 })
      : undefined,
    deadLetters: letters.length,
    breaker: courier.breaker,
    drift: standing.drift,
    scrub: scrubber.status,
  };
}
