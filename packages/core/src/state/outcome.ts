import type {
  CancelOutcome,
  Denied,
  HoldEnd,
  IdRange,
  LossReason,
  ReleaseOutcome,
} from "@lockstep/protocol";
import type { SmallMap } from "./small-map.ts";

/** What became of a request, kept until its client has confirmed that it knows. */
export type Result =
  | { readonly kind: "waiting"; readonly ticketId: bigint }
  | ({ readonly kind: "granted" } & Grant)
  | { readonly kind: "denied"; readonly denied: Denied }
  /** A hold was given away: the new hold of the one who got it. */
  | ({ readonly kind: "transferred" } & Grant)
  | { readonly kind: "valueSet" }
  /** The hold that was to be changed was over. */
  | { readonly kind: "notHeld"; readonly end: HoldEnd; readonly reason: LossReason }
  | {
      readonly kind: "release";
      readonly outcome: ReleaseOutcome;
      readonly reason: LossReason;
      /** How many grants the hold still counts; only with STILL_HELD. */
      readonly count: number;
    }
  | { readonly kind: "cancel"; readonly outcome: CancelOutcome; readonly grant: Grant | undefined }
  /** Cancelled before it arrived: an Acquire with this id is denied, whatever it says. */
  | { readonly kind: "refused" };

/** The numbers of a granted lock. */
export interface Grant {
  readonly holdId: bigint;
  readonly token: bigint;
  /** How many grants the hold counted then, at least 1. */
  readonly count: number;
}

/**
 * Drops the outcomes of ids that were confirmed as answered. A wait has no final outcome yet, whatever
 * the client believes.
 */
export function dropFinalOutcomes(
  outcomes: SmallMap<bigint, Outcome>,
  { first, last }: Pick<IdRange, "first" | "last">,
): void {
  if (first === last) drop(outcomes, first);
  else if (last - first < BigInt(outcomes.size))
    for (let id = first; id <= last; id++) drop(outcomes, id);
  else for (const id of outcomes.keys()) if (first <= id && id <= last) drop(outcomes, id);
}

function drop(outcomes: SmallMap<bigint, Outcome>, id: bigint): void {
  if (outcomes.get(id)?.result.kind !== "waiting") outcomes.delete(id);
}

/** The outcome of a request id. */
export interface Outcome {
  /** Fingerprint of the request's content; 0 when any content has this outcome. */
  readonly fingerprint: bigint;
  readonly result: Result;
}
