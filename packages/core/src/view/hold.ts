import type { ReleaseAsked } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { AskedRelease, Hold } from "../state/hold.ts";
import { remainingMs } from "./remaining.ts";

/** How long a hold may still be held, at least 1; 0 when there is no limit. */
export function maxHoldRemainingMs(hold: Hold, now: Now): bigint {
  const { maxHoldMs, heldUntilMs = Number.POSITIVE_INFINITY } = hold;
  if (maxHoldMs === 0) return 0n;
  return remainingMs(Math.max(1, Math.min(maxHoldMs, heldUntilMs - now.monotonicMs)));
}

/** The wish that a hold be released. */
export function releaseAskedView({ revision, atMs, actor, reason }: AskedRelease): ReleaseAsked {
  return {
    $typeName: "lockstep.v1.ReleaseAsked",
    revision,
    askedAtMs: BigInt(atMs),
    actor,
    reason,
  };
}
