import {
  type Session,
  type SessionHold,
  SessionState,
  type SessionTicket,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { Hold } from "../state/hold.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { maxHoldRemainingMs, releaseAskedView } from "./hold.ts";
import { placesOf, queuedView } from "./queued.ts";
import { remainingMs } from "./remaining.ts";

/** How many blockers GetSession shows over all tickets. */
const BLOCKERS_SHOWN_MAX = 1_024;

/** A session as anybody who may list it sees it. */
export function sessionView(session: SessionRecord, now: Now): Session {
  const active = session.state === SessionState.ACTIVE;
  const leaseMs = active ? session.renewedAtMs + session.ttlMs - now.monotonicMs : 0;
  return {
    $typeName: "lockstep.v1.Session",
    sessionId: session.id,
    state: session.state,
    ttlMs: BigInt(session.ttlMs),
    displayName: session.displayName,
    metadata: { ...session.metadata },
    principal: session.principal,
    openedAtMs: BigInt(session.openedAtMs),
    remainingMs: remainingMs(leaseMs),
    holdCount: session.holds.size,
    ticketCount: session.tickets.size,
    endedAtMs: BigInt(session.endedAtMs),
  };
}

/** How many earlier tokens GetSession shows of a hold. */
const EARLIER_TOKENS_SHOWN = 16;

/** A hold as its own session sees it. */
export function sessionHoldView(hold: Hold, now: Now): SessionHold {
  const view: SessionHold = {
    $typeName: "lockstep.v1.SessionHold",
    holdId: hold.id,
    token: hold.token,
    targets: [...hold.targets],
    owner: hold.owner,
    requestIds: [...hold.requestIds].sort(byNumber),
    grantedAtMs: BigInt(hold.grantedAtMs),
    count: hold.count,
    maxHoldRemainingMs: maxHoldRemainingMs(hold, now),
    earlierTokens: hold.earlierTokens.slice(-EARLIER_TOKENS_SHOWN),
  };
  if (hold.releaseAsked !== undefined) view.releaseAsked = releaseAskedView(hold.releaseAsked);
  return view;
}

function byNumber(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * The waiting acquires of a session as itself sees them. Who is in the way is shown for as many of them
 * as there is room for `BLOCKERS_SHOWN_MAX`: a reply must not grow with the product of both.
 */
export function sessionTicketViews(
  state: NamespaceState,
  { tickets }: SessionRecord,
  now: Now,
): SessionTicket[] {
  const places = placesOf(state, tickets.values());
  let blockersLeft = BLOCKERS_SHOWN_MAX;
  return [...tickets.values()].map((ticket) => {
    const queued = queuedView(state, ticket.id, now, places.get(ticket.id));
    if (queued.blockers.length > blockersLeft) queued.blockers = [];
    blockersLeft -= queued.blockers.length;
    return {
      $typeName: "lockstep.v1.SessionTicket",
      queued,
      targets: [...ticket.targets],
      owner: ticket.owner,
      requestId: ticket.requestId,
      queuedAtMs: BigInt(ticket.queuedAtMs),
      holdId: ticket.convertOf,
    };
  });
}
