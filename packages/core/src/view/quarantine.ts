import type { IdentityQuarantine } from "@lockstep/protocol";
import type { IdentityQuarantineRecord } from "../state/state.ts";

/** Why a principal is denied every lock. */
export function identityQuarantineView({
  principal,
  revision,
  sinceMs,
  reason,
  automatic,
  actor,
}: IdentityQuarantineRecord): IdentityQuarantine {
  return {
    $typeName: "lockstep.v1.IdentityQuarantine",
    principal,
    revision,
    sinceAtMs: BigInt(sinceMs),
    reason,
    automatic,
    actor,
  };
}
