import { type Blocker, type Denied, DeniedReason, TicketEnd } from "@lockstep/protocol";

/** Builds a denial. `retryAfterMs` 0 gives no hint. */
export function denied(reason: DeniedReason, blockers: Blocker[] = [], retryAfterMs = 0): Denied {
  return {
    $typeName: "lockstep.v1.Denied",
    reason,
    blockers,
    retryAfterMs: BigInt(Math.ceil(retryAfterMs)),
  };
}

/** The denial of a waiter by the way its ticket ended. */
export function deniedAs(end: TicketEnd): Denied {
  return denied(
    end === TicketEnd.WAIT_TIMED_OUT ? DeniedReason.WAIT_TIMED_OUT : DeniedReason.CANCELLED,
  );
}
