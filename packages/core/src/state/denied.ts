import {
  type Blocker,
  type Denied,
  DeniedReason,
  TicketEnd,
  type TicketEnded,
} from "@lockstep/protocol";

/** Builds a denial. `retryAfterMs` 0 gives no hint. */
export function denied(reason: DeniedReason, blockers: Blocker[] = [], retryAfterMs = 0): Denied {
  return {
    $typeName: "lockstep.v1.Denied",
    reason,
    blockers,
    retryAfterMs: BigInt(Math.ceil(retryAfterMs)),
    cycle: [],
  };
}

/** The denial of a waiter, as the event that ended its ticket tells it. */
export function deniedAs({
  end,
  blockers,
  cycle,
}: Pick<TicketEnded, "end" | "blockers" | "cycle">): Denied {
  return { ...denied(reasonOf(end), blockers), cycle };
}

function reasonOf(end: TicketEnd): DeniedReason {
  switch (end) {
    case TicketEnd.WAIT_TIMED_OUT:
      return DeniedReason.WAIT_TIMED_OUT;
    case TicketEnd.DEADLOCK_VICTIM:
      return DeniedReason.DEADLOCK_VICTIM;
    case TicketEnd.KEY_QUARANTINED:
      return DeniedReason.KEY_QUARANTINED;
    case TicketEnd.IDENTITY_QUARANTINED:
      return DeniedReason.IDENTITY_QUARANTINED;
    case TicketEnd.LIMIT_MISMATCH:
      return DeniedReason.LIMIT_MISMATCH;
    default:
      return DeniedReason.CANCELLED;
  }
}
