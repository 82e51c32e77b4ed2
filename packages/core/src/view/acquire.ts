import type { AcquireResponse, Denied, Granted, Queued } from "@lockstep/protocol";
import type { Grant } from "../state/outcome.ts";

/** The message of a grant. */
export function grantedView({ holdId, token, count }: Grant): Granted {
  return { $typeName: "lockstep.v1.Granted", holdId, token, count };
}

/** The reply of a grant. */
export function grantedReply(grant: Grant): AcquireResponse {
  return replyOf({ case: "granted", value: grantedView(grant) });
}

/** The reply of a wait that goes on. */
export function queuedReply(value: Queued): AcquireResponse {
  return replyOf({ case: "queued", value });
}

/** The reply of a denial. */
export function deniedReply(value: Denied): AcquireResponse {
  return replyOf({ case: "denied", value });
}

function replyOf(outcome: AcquireResponse["outcome"]): AcquireResponse {
  return { $typeName: "lockstep.v1.AcquireResponse", outcome };
}
