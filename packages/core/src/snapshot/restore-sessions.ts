import { SessionState, type StoredOutcome, type StoredSession } from "@lockstep/protocol";
import { invariant } from "../apply/invariant.ts";
import { sessionOf } from "../apply/records.ts";
import { countPrincipal } from "../apply/session.ts";
import { keptMetadata } from "../state/kept.ts";
import type { Grant, Result } from "../state/outcome.ts";
import { secretKey } from "../state/secret-key.ts";
import { newSession, noteNews } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { damaged } from "./snapshot-error.ts";

/** Puts a session back that a snapshot tells of, live or remembered. */
export function restoreSession(state: NamespaceState, stored: StoredSession): void {
  invariant(
    !state.sessions.has(stored.sessionId),
    () => `session ${stored.sessionId} is there twice`,
  );
  const session = newSession({
    id: stored.sessionId,
    principal: stored.principal,
    secretKey: secretKey(stored.secretSha256),
    ttlMs: Number(stored.ttlMs),
    displayName: stored.displayName,
    metadata: keptMetadata(stored.metadata),
    openedAtMs: Number(stored.openedAtMs),
    state: stored.state,
  });
  session.endedAtMs = Number(stored.endedAtMs);
  if (stored.lastNews > 0n) noteNews(session, stored.lastNews);
  for (const range of stored.answered) session.answered.add(range);
  state.sessions.set(session.id, session);
  state.sessionsBySecret.set(session.secretKey, session);
  const isActive = session.state === SessionState.ACTIVE;
  invariant(
    isActive === (session.endedAtMs === 0),
    () => `session ${session.id} is ${isActive ? "live, and" : "over, but not"} ended`,
  );
  if (!isActive) return;
  state.activeSessions += 1;
  countPrincipal(state, session, 1);
}

/** Puts the outcome of a request back. */
export function restoreOutcome(state: NamespaceState, stored: StoredOutcome): void {
  const session = sessionOf(state, stored.sessionId);
  session.outcomes.set(stored.requestId, {
    fingerprint: stored.contentFingerprint,
    result: resultOf(stored),
  });
}

function resultOf({ result, requestId }: StoredOutcome): Result {
  switch (result.case) {
    case "waitingTicketId":
      return { kind: "waiting", ticketId: result.value };
    case "granted":
      return { kind: "granted", ...grantOf(result.value) };
    case "transferred":
      return { kind: "transferred", ...grantOf(result.value) };
    case "denied":
      return { kind: "denied", denied: result.value };
    case "notHeld":
      return { kind: "notHeld", end: result.value.end, reason: result.value.lostReason };
    case "release": {
      const { outcome, lostReason, count } = result.value;
      return { kind: "release", outcome, reason: lostReason, count };
    }
    case "cancel": {
      const { outcome, granted } = result.value;
      const grant = granted === undefined ? undefined : grantOf(granted);
      return { kind: "cancel", outcome, grant };
    }
    case "refused":
      return { kind: "refused" };
    case "valueSet":
      return { kind: "valueSet" };
    case undefined:
      throw damaged(`request ${requestId} has no outcome`);
  }
}

function grantOf({ holdId, token, count }: Grant): Grant {
  return { holdId, token, count };
}
