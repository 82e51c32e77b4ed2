import { HoldEnd, type NotHeld, LossReason as WireLossReason } from "@lockstep/protocol";
import type { LossReason } from "../errors.ts";

/** The server's reason of a loss; one that is newer than this client is a loss all the same. */
export function lossReasonOf(reason: WireLossReason): LossReason {
  switch (reason) {
    case WireLossReason.SESSION_EXPIRED:
      return "SESSION_EXPIRED";
    case WireLossReason.SESSION_REVOKED:
      return "SESSION_REVOKED";
    case WireLossReason.FORCE_RELEASED:
      return "FORCE_RELEASED";
    case WireLossReason.MAX_HOLD:
      return "MAX_HOLD";
    default:
      return "UNKNOWN";
  }
}

/** How a hold was lost that the server says is over although the client believed in it. */
export function lossOfAnswer({ end, lostReason }: NotHeld): LossReason {
  return end === HoldEnd.LOST ? lossReasonOf(lostReason) : "UNKNOWN";
}
