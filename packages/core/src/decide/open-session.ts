import { ErrorReason, type OpenSessionResponse, SessionState } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { limitExceeded, Refusal, RefusalCode, sessionEnded, storageLow } from "../refusal.ts";
import { secretKey } from "../state/secret-key.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import {
  type Decision,
  Draft,
  type Facts,
  journalOnlyOf,
  replyOnly,
  replyWith,
} from "./decision.ts";

/** Open is idempotent by its secret: the same secret gives the same session. A repeat does not renew. */
export function decideOpenSession(
  state: NamespaceState,
  { principal, secretSha256, request }: Op<"openSession">,
  now: Now,
  facts: Facts,
): Decision<"openSession"> {
  const known = state.sessionsBySecret.get(secretKey(secretSha256));
  if (known !== undefined) return replyOnly(reopened(known, principal));
  checkLimits(state, principal, facts);
  const draft = new Draft(state.revision, now, {
    actor: principal,
    correlationId: request.correlationId,
  });
  const sessionId = draft.next;
  const ttlMs = request.ttlMs === 0n ? BigInt(state.limits.default_ttl_ms) : request.ttlMs;
  const { displayName, metadata } = request;
  draft.add(
    {
      case: "sessionOpened",
      value: { $typeName: "lockstep.v1.SessionOpened", sessionId, ttlMs, displayName, metadata },
    },
    journalOnlyOf({ secretSha256 }),
  );
  forgetEarly(state, draft);
  return replyWith(draft.events, response(sessionId, ttlMs));
}

/** Keeps what is remembered of ended sessions bounded, however fast sessions come and go. */
function forgetEarly(state: NamespaceState, draft: Draft): void {
  if (state.endedSessions.size < state.limits.max_ended_sessions) return;
  for (const sessionId of state.endedSessions) {
    // As long as a delay runs, the session that lost the lock can end it.
    if (state.sessions.get(sessionId)?.delays.size !== 0) continue;
    draft.add({
      case: "sessionForgotten",
      value: { $typeName: "lockstep.v1.SessionForgotten", sessionId },
    });
    return;
  }
}

function reopened(session: SessionRecord, principal: string): OpenSessionResponse {
  if (session.principal !== principal) {
    throw new Refusal(
      RefusalCode.PERMISSION_DENIED,
      ErrorReason.SECRET_MISMATCH,
      "the session of this secret belongs to another principal: make a new secret of 32 random bytes",
    );
  }
  if (session.state !== SessionState.ACTIVE) throw sessionEnded(session.id, session.state);
  return response(session.id, BigInt(session.ttlMs));
}

function checkLimits(state: NamespaceState, principal: string, facts: Facts): void {
  if (facts.storageLow) throw storageLow("no session is opened");
  const { max_sessions, max_sessions_per_principal } = state.limits;
  if (state.activeSessions >= max_sessions) {
    throw limitExceeded("max_sessions", max_sessions, "too many sessions in this namespace");
  }
  if ((state.sessionsByPrincipal.get(principal) ?? 0) >= max_sessions_per_principal) {
    throw limitExceeded(
      "max_sessions_per_principal",
      max_sessions_per_principal,
      `too many sessions of ${principal} in this namespace`,
    );
  }
}

function response(sessionId: bigint, ttlMs: bigint): OpenSessionResponse {
  return { $typeName: "lockstep.v1.OpenSessionResponse", sessionId, ttlMs };
}
