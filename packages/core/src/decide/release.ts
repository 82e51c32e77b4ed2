import {
  DelayEndCause,
  LossReason,
  ReleaseOutcome,
  type ReleaseRequest,
  type ReleaseResponse,
  SessionState,
  TicketEnd,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { type Hold, hasHadToken } from "../state/hold.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { earlierOutcome, idReused, noteAnswered, sessionOf } from "./admission.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { addCountChanged, addDelayEnded, addReleased, addTicketEnded } from "./endings.ts";
import { releaseFingerprint } from "./fingerprint.ts";

/**
 * Ends a hold, and only the one that is named by id and token. Accepted from an ended session too: it
 * confirms a loss.
 */
export function decideRelease(
  state: NamespaceState,
  { caller, request }: Op<"release">,
  now: Now,
): Decision<"release"> {
  const session = sessionOf(state, caller);
  const fingerprint = releaseFingerprint(request);
  if (session.state === SessionState.ACTIVE) {
    noteAnswered(state, session, request.answered);
    const earlier = earlierOutcome(session, request.requestId, fingerprint)?.result;
    if (earlier?.kind === "release")
      return replyOnly(response(earlier.outcome, earlier.reason, earlier.count));
    if (earlier !== undefined) throw idReused(request.requestId);
  }
  const draft = new Draft(state.revision, now, {
    session,
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
  const hold = session.holds.get(request.holdId);
  if (hold !== undefined && hasHadToken(hold, request.token)) {
    if (hold.count > 1) return leave(draft, hold);
    // Who gives the hold back takes back what should become of it; the release itself comes last.
    const convert = state.tickets.get(hold.convertTicketId);
    if (convert !== undefined) addTicketEnded(draft, convert, TicketEnd.CANCELLED);
    addReleased(draft, hold);
    return replyWith(draft.events, response(ReleaseOutcome.RELEASED));
  }
  const { outcome, reason } = pastOutcome(session, request);
  const delay = outcome === ReleaseOutcome.LOST ? session.delays.get(request.holdId) : undefined;
  // Whoever entered the hold again may still believe in it: that one of them stopped confirms nothing.
  if (delay !== undefined && delay.hold.count === 1) {
    addDelayEnded(draft, delay, DelayEndCause.CONFIRMED);
    return replyWith(draft.events, response(outcome, reason));
  }
  keepVolatile(state, session, request.requestId, fingerprint, outcome, reason);
  return replyOnly(response(outcome, reason));
}

/** Gives one of several grants of a hold back. */
function leave(draft: Draft, hold: Hold): Decision<"release"> {
  const count = addCountChanged(draft, hold);
  return replyWith(
    draft.events,
    response(ReleaseOutcome.STILL_HELD, LossReason.UNSPECIFIED, count),
  );
}

function pastOutcome(
  session: SessionRecord,
  { holdId, token }: ReleaseRequest,
): { outcome: ReleaseOutcome; reason: LossReason } {
  const lost = session.lost.get(holdId) ?? session.delays.get(holdId);
  if (lost !== undefined && hasHadToken(lost.hold, token))
    return { outcome: ReleaseOutcome.LOST, reason: lost.reason };
  const reason = LossReason.UNSPECIFIED;
  const released = session.released.get(holdId);
  if (released !== undefined && hasHadToken(released, token))
    return { outcome: ReleaseOutcome.ALREADY_RELEASED, reason };
  return { outcome: ReleaseOutcome.NOT_HOLDER, reason };
}

/**
 * Keeps an outcome that made no event. A Release is never refused for want of room; a client that
 * confirms nothing loses the memory of such outcomes, which deciding again gives anew.
 */
function keepVolatile(
  state: NamespaceState,
  session: SessionRecord,
  requestId: bigint,
  fingerprint: bigint,
  outcome: ReleaseOutcome,
  reason: LossReason,
): void {
  if (session.state !== SessionState.ACTIVE) return;
  if (session.outcomes.size - session.tickets.size >= 2 * state.limits.max_unanswered) return;
  session.outcomes.set(requestId, {
    fingerprint,
    result: { kind: "release", outcome, reason, count: 0 },
  });
}

function response(
  outcome: ReleaseOutcome,
  lostReason = LossReason.UNSPECIFIED,
  count = 0,
): ReleaseResponse {
  return { $typeName: "lockstep.v1.ReleaseResponse", outcome, lostReason, count };
}
