import {
  DelayEndCause,
  LossReason,
  ReleaseOutcome,
  type ReleaseRequest,
  type ReleaseResponse,
  SessionState,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import type { NamespaceState, SessionRecord } from "../state/state.ts";
import { earlierOutcome, idReused, noteAnswered, sessionOf } from "./admission.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { addDelayEnded, addReleased } from "./endings.ts";
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
    if (earlier?.kind === "release") return replyOnly(response(earlier.outcome, earlier.reason));
    if (earlier !== undefined) throw idReused(request.requestId);
  }
  const draft = new Draft(state.revision, now, {
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
  const hold = session.holds.get(request.holdId);
  if (hold?.token === request.token) {
    addReleased(draft, hold);
    return replyWith(draft.events, response(ReleaseOutcome.RELEASED));
  }
  const { outcome, reason } = pastOutcome(session, request);
  const delay = outcome === ReleaseOutcome.LOST ? session.delays.get(request.holdId) : undefined;
  if (delay !== undefined) {
    addDelayEnded(draft, delay, DelayEndCause.CONFIRMED);
    return replyWith(draft.events, response(outcome, reason));
  }
  keepVolatile(state, session, request.requestId, fingerprint, outcome, reason);
  return replyOnly(response(outcome, reason));
}

function pastOutcome(
  session: SessionRecord,
  { holdId, token }: ReleaseRequest,
): { outcome: ReleaseOutcome; reason: LossReason } {
  const lost = session.lost.get(holdId) ?? session.delays.get(holdId);
  if (lost?.hold.token === token) return { outcome: ReleaseOutcome.LOST, reason: lost.reason };
  const reason = LossReason.UNSPECIFIED;
  if (session.released.get(holdId)?.token === token)
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
  session.outcomes.set(requestId, { fingerprint, result: { kind: "release", outcome, reason } });
}

function response(outcome: ReleaseOutcome, lostReason = LossReason.UNSPECIFIED): ReleaseResponse {
  return { $typeName: "lockstep.v1.ReleaseResponse", outcome, lostReason };
}
