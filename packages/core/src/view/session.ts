import {
  type Session,
  type SessionHold,
  SessionState,
  type SessionTicket,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { Hold, NamespaceState, SessionRecord, Ticket } from "../state/state.ts";
import { queuedView } from "./queued.ts";

/** A session as anybody who may list it sees it. */
export function sessionView(session: SessionRecord, now: Now): Session {
  const active = session.state === SessionState.ACTIVE;
  const remainingMs = active ? session.renewedAtMs + session.ttlMs - now.monotonicMs : 0;
  return {
    $typeName: "lockstep.v1.Session",
    sessionId: session.id,
    state: session.state,
    ttlMs: BigInt(session.ttlMs),
    displayName: session.displayName,
    metadata: { ...session.metadata },
    principal: session.principal,
    openedAtMs: BigInt(session.openedAtMs),
    remainingMs: BigInt(Math.max(0, Math.ceil(remainingMs))),
    holdCount: session.holds.size,
    ticketCount: session.tickets.size,
    endedAtMs: BigInt(session.endedAtMs),
  };
}

/** A hold as its own session sees it. */
export function sessionHoldView(hold: Hold): SessionHold {
  return {
    $typeName: "lockstep.v1.SessionHold",
    holdId: hold.id,
    token: hold.token,
    targets: [...hold.targets],
    owner: hold.owner,
    requestId: hold.requestId,
    grantedAtMs: BigInt(hold.grantedAtMs),
  };
}

/** A waiting acquire as its own session sees it. */
export function sessionTicketView(state: NamespaceState, ticket: Ticket, now: Now): SessionTicket {
  return {
    $typeName: "lockstep.v1.SessionTicket",
    queued: queuedView(state, ticket.id, now),
    targets: [...ticket.targets],
    owner: ticket.owner,
    requestId: ticket.requestId,
    queuedAtMs: BigInt(ticket.queuedAtMs),
  };
}
