import { type CloseSessionResponse, DelayEndCause, SessionState } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { earlierOutcome, idReused, noteAnswered, sessionOf } from "./admission.ts";
import { type Decision, Draft, replyWith } from "./decision.ts";
import { addDelayEnded, addSessionEnded } from "./endings.ts";
import { closeFingerprint } from "./fingerprint.ts";

/** Ends a session by its client's word. Accepted from an ended session too, whose delays it ends. */
export function decideCloseSession(
  state: NamespaceState,
  { caller, request }: Op<"closeSession">,
  now: Now,
): Decision<"closeSession"> {
  const session = sessionOf(state, caller);
  const fingerprint = closeFingerprint();
  const draft = new Draft(state.revision, now, {
    session,
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
  if (session.state !== SessionState.ACTIVE) {
    for (const delay of session.delays.values())
      addDelayEnded(draft, delay, DelayEndCause.CONFIRMED);
    return replyWith(draft.events, response(session));
  }
  noteAnswered(state, session, request.answered);
  // Its own outcome is the end of the session: whatever else has this id is another request.
  if (earlierOutcome(session, request.requestId, fingerprint) !== undefined)
    throw idReused(request.requestId);
  addSessionEnded(draft, session, SessionState.CLOSED);
  return replyWith(draft.events, { ...response(session), state: SessionState.CLOSED });
}

function response(session: SessionRecord): CloseSessionResponse {
  return { $typeName: "lockstep.v1.CloseSessionResponse", state: session.state };
}
