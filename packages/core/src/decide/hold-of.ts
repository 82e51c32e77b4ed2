import { HoldEnd, LossReason, type NotHeld } from "@lockstep/protocol";
import type { Hold } from "../state/hold.ts";
import { hasHadToken } from "../state/hold.ts";
import type { Result } from "../state/outcome.ts";
import type { SessionRecord } from "../state/session.ts";

/** The outcome of a request about a hold that is over. */
type NotHeldResult = Extract<Result, { kind: "notHeld" }>;

/** The live hold a request names with its present token, or what became of the one it means. */
export function heldOrOver(
  session: SessionRecord,
  { holdId, token }: { readonly holdId: bigint; readonly token: bigint },
): { readonly hold: Hold } | { readonly over: NotHeldResult } {
  const hold = session.holds.get(holdId);
  if (hold?.token === token) return { hold };
  const lost = session.lost.get(holdId) ?? session.delays.get(holdId);
  if (lost !== undefined && hasHadToken(lost.hold, token))
    return { over: { kind: "notHeld", end: HoldEnd.LOST, reason: lost.reason } };
  const released = session.released.get(holdId);
  const end =
    released !== undefined && hasHadToken(released, token) ? released.end : HoldEnd.UNKNOWN;
  return { over: { kind: "notHeld", end, reason: LossReason.UNSPECIFIED } };
}

/** How it is told that a hold is over. */
export function notHeldView({ end, reason }: NotHeldResult): NotHeld {
  return { $typeName: "lockstep.v1.NotHeld", end, lostReason: reason };
}
