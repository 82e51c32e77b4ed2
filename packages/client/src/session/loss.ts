import { LossReason as WireLossReason } from "@lockstep/protocol";
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
    default:
      return "UNKNOWN";
  }
}
