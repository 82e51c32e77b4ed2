import { ErrorReason, SessionState } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { sessionView } from "../view/session.ts";
import { addQuarantineForLosses } from "./automatic-quarantine.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { addSessionEnded } from "./endings.ts";

/**
 * Ends a session by an operator's word. The keys of its holds stay blocked until its client must have
 * noticed.
 */
export function decideRevokeSession(
  state: NamespaceState,
  { principal, request }: Op<"revokeSession">,
  now: Now,
): Decision<"revokeSession"> {
  const session = state.sessions.get(request.sessionId);
  if (session === undefined) {
    throw new Refusal(
      RefusalCode.NOT_FOUND,
      ErrorReason.NO_SUCH_SESSION,
      `session ${request.sessionId} is not known here, or ended too long ago: list the sessions`,
    );
  }
  const $typeName = "lockstep.v1.RevokeSessionResponse";
  if (session.state !== SessionState.ACTIVE)
    return replyOnly({ $typeName, session: sessionView(session, now) });
  const draft = new Draft(state.revision, now, {
    actor: principal,
    correlationId: request.correlationId,
    reason: request.reason,
  });
  addSessionEnded(draft, session, SessionState.REVOKED);
  addQuarantineForLosses(state, draft, session, now);
  const ended = {
    ...sessionView(session, now),
    state: SessionState.REVOKED,
    remainingMs: 0n,
    holdCount: 0,
    ticketCount: 0,
    endedAtMs: BigInt(now.unixMs),
  };
  return replyWith(draft.events, { $typeName, session: ended });
}
