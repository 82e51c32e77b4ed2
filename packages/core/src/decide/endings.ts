import { DelayEndCause, LossReason, SessionState, TicketEnd } from "@lockstep/protocol";
import type { Delay, Hold, SessionRecord, Ticket } from "../state/state.ts";
import type { Draft } from "./decision.ts";

/** Adds the end of a hold by its holder's wish. */
export function addReleased(draft: Draft, hold: Hold): void {
  draft.add({
    case: "lockReleased",
    value: {
      $typeName: "lockstep.v1.LockReleased",
      holdId: hold.id,
      token: hold.token,
      sessionId: hold.sessionId,
      targets: [...hold.targets],
    },
  });
}

/** Adds the end of a hold against its holder's wish. */
export function addLost(draft: Draft, hold: Hold, reason: LossReason, delayed: boolean): void {
  draft.add({
    case: "lockLost",
    value: {
      $typeName: "lockstep.v1.LockLost",
      holdId: hold.id,
      token: hold.token,
      sessionId: hold.sessionId,
      targets: [...hold.targets],
      reason,
      delayed,
      lockDelayMs: 0n,
      quarantined: false,
      immediate: false,
    },
  });
}

/** Adds the end of a wait without a grant. */
export function addTicketEnded(draft: Draft, ticket: Ticket, end: TicketEnd): void {
  draft.add({
    case: "ticketEnded",
    value: {
      $typeName: "lockstep.v1.TicketEnded",
      ticketId: ticket.id,
      sessionId: ticket.sessionId,
      requestId: ticket.requestId,
      targets: [...ticket.targets],
      end,
      blockers: [],
      cycle: [],
    },
  });
}

/** Adds the end of a delay: its keys are free. */
export function addDelayEnded(draft: Draft, delay: Delay, cause: DelayEndCause): void {
  draft.add({
    case: "delayEnded",
    value: {
      $typeName: "lockstep.v1.DelayEnded",
      holdId: delay.hold.id,
      targets: [...delay.hold.targets],
      cause,
    },
  });
}

/**
 * Adds the end of a session and of all it holds and waits for. Closed, its holds are released and its
 * delays confirmed: the application says that it stopped. Expired, its holds are lost and free at once:
 * the client's own deadline has passed.
 */
export function addSessionEnded(
  draft: Draft,
  session: SessionRecord,
  state: SessionState.CLOSED | SessionState.EXPIRED,
): void {
  const closed = state === SessionState.CLOSED;
  draft.add({
    case: "sessionEnded",
    value: { $typeName: "lockstep.v1.SessionEnded", sessionId: session.id, state },
  });
  for (const ticket of session.tickets.values())
    addTicketEnded(draft, ticket, TicketEnd.SESSION_ENDED);
  for (const hold of session.holds.values()) {
    if (closed) addReleased(draft, hold);
    else addLost(draft, hold, LossReason.SESSION_EXPIRED, false);
  }
  if (!closed) return;
  for (const delay of session.delays.values()) addDelayEnded(draft, delay, DelayEndCause.CONFIRMED);
}
