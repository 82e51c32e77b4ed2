import {
  type Session,
  type SessionHold,
  type SessionLoss,
  SessionState,
  type SessionTicket,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import type { Hold } from "../state/hold.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { maxHoldRemainingMs, releaseAskedView } from "./hold.ts";
import { askedBytes, blockerBytes, PageRoom } from "./page-room.ts";
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

/** What a hold or a ticket takes in JSON, the longest form, beside what its session counts of it. */
const ENTRY_BYTES = 272;

/** What a loss takes in JSON. */
const LOSS_BYTES = 128;

/**
 * What a session holds and waits for, as itself sees it: complete, however much it is, as its limits see
 * to. What it lost, who is in the way and the words of those who ask for a release are shown as far as there is room.
 */
export function sessionContent(
  state: NamespaceState,
  session: SessionRecord,
  now: Now,
): { holds: SessionHold[]; tickets: SessionTicket[]; losses: SessionLoss[] } {
  const room = new PageRoom(state.limits.max_response_bytes);
  const { holds, tickets } = session;
  room.take(session.heldBytes + ENTRY_BYTES * (holds.size + tickets.size));
  return {
    holds: [...holds.values()].map((hold) => holdView(hold, now, room)),
    losses: lossViews(session, room),
    tickets: ticketViews(state, session, now, room),
  };
}

/** The latest losses that have room, in the order in which they came. */
function lossViews({ lost }: SessionRecord, room: PageRoom): SessionLoss[] {
  const views: SessionLoss[] = [];
  for (const { hold, reason } of [...lost.values()].reverse()) {
    if (!room.takeIfFits(LOSS_BYTES)) break;
    const { id: holdId, token } = hold;
    views.push({ $typeName: "lockstep.v1.SessionLoss", holdId, token, reason });
  }
  return views.reverse();
}

function holdView(hold: Hold, now: Now, room: PageRoom): SessionHold {
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
  if (hold.releaseAsked === undefined) return view;
  const asked = releaseAskedView(hold.releaseAsked);
  view.releaseAsked = room.takeIfFits(askedBytes(asked))
    ? asked
    : { ...asked, actor: "", reason: "" };
  return view;
}

function byNumber(a: bigint, b: bigint): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/**
 * Who is in the way is shown for as many tickets as there is room for `BLOCKERS_SHOWN_MAX`: a reply must
 * not grow with the product of both.
 */
function ticketViews(
  state: NamespaceState,
  { tickets }: SessionRecord,
  now: Now,
  room: PageRoom,
): SessionTicket[] {
  const places = placesOf(state, tickets.values());
  let blockersLeft = BLOCKERS_SHOWN_MAX;
  return [...tickets.values()].map((ticket) => {
    const place = places.get(ticket.id) ?? 0;
    const queued = queuedView(state, ticket.id, now, place, blockersLeft > 0);
    const bytes = queued.blockers.reduce((sum, blocker) => sum + blockerBytes(blocker), 0);
    const fits = queued.blockers.length <= blockersLeft && room.takeIfFits(bytes);
    // Where one has no room, none is looked for any more: to look is what takes the time.
    blockersLeft = fits ? blockersLeft - queued.blockers.length : 0;
    if (!fits) queued.blockers = [];
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
