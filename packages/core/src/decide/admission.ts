import { type AcquireRequest, ErrorReason, type IdRange, SessionState } from "@lockstep/protocol";
import type { SessionCaller } from "../op.ts";
import { limitExceeded, Refusal, RefusalCode, sessionEnded } from "../refusal.ts";
import { heldBytes, NUMBER_BYTES } from "../state/held-bytes.ts";
import { dropFinalOutcomes, type Outcome } from "../state/outcome.ts";
import { isSecret } from "../state/secret-key.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";

/**
 * Finds the session a caller speaks for, live or ended.
 * @throws Refusal SESSION_UNKNOWN, SECRET_MISMATCH.
 */
export function sessionOf(state: NamespaceState, caller: SessionCaller): SessionRecord {
  const session = state.sessions.get(caller.sessionId);
  if (session === undefined) throw sessionEnded(caller.sessionId, undefined);
  const proven =
    caller.secretSha256 === undefined || isSecret(session.secretKey, caller.secretSha256);
  if (!proven || session.principal !== caller.principal) {
    throw new Refusal(
      RefusalCode.PERMISSION_DENIED,
      ErrorReason.SECRET_MISMATCH,
      `session ${caller.sessionId} was opened with another secret or by another principal`,
    );
  }
  return session;
}

/**
 * Finds the live session a caller speaks for.
 * @throws Refusal as `sessionOf`, and SESSION_EXPIRED, SESSION_CLOSED, SESSION_REVOKED.
 */
export function liveSessionOf(state: NamespaceState, caller: SessionCaller): SessionRecord {
  const session = sessionOf(state, caller);
  if (session.state !== SessionState.ACTIVE) throw sessionEnded(session.id, session.state);
  return session;
}

/**
 * Takes note of the request ids whose final reply the client has: their outcomes are dropped and the
 * ids never executed again. Volatile until an event that a call of the session causes carries it.
 *
 * What would leave more than `max_answered_ranges` gaps is not noted. Only what asks for more is refused for
 * it (`roomForAnswered`): to renew, release or cancel must work whatever the client has confirmed.
 */
export function noteAnswered(
  state: NamespaceState,
  session: SessionRecord,
  answered: readonly IdRange[],
): void {
  if (answered.length > 0) session.answeredOverflows = false;
  for (const range of answered) {
    if (
      session.answered.size >= state.limits.max_answered_ranges &&
      !session.answered.joins(range)
    ) {
      session.answeredOverflows = true;
      continue;
    }
    const added = session.answered.add(range);
    if (added.length === 0) continue;
    session.answeredPending.add(range);
    for (const ids of added) dropFinalOutcomes(session.outcomes, ids);
  }
}

/**
 * Makes sure that all that was last confirmed has been noted, by whichever call: one of the ids that were not may be this
 * request's.
 * @throws Refusal LIMIT_EXCEEDED `max_answered_ranges`.
 */
export function roomForAnswered(state: NamespaceState, session: SessionRecord): void {
  if (!session.answeredOverflows) return;
  throw limitExceeded(
    "max_answered_ranges",
    state.limits.max_answered_ranges,
    `session ${session.id} leaves too many gaps in what it confirms: number requests one by one`,
  );
}

/**
 * Finds what became of a request id: its outcome when it is a repeat, undefined when it is new.
 * @throws Refusal REQUEST_ID_ANSWERED, REQUEST_ID_REUSED.
 */
export function earlierOutcome(
  session: SessionRecord,
  requestId: bigint,
  fingerprint: bigint,
): Outcome | undefined {
  const outcome = session.outcomes.get(requestId);
  if (outcome !== undefined) {
    if (outcome.fingerprint === fingerprint || outcome.fingerprint === 0n) return outcome;
    throw idReused(requestId);
  }
  if (session.answered.has(requestId)) {
    throw new Refusal(
      RefusalCode.FAILED_PRECONDITION,
      ErrorReason.REQUEST_ID_ANSWERED,
      `request id ${requestId} was confirmed as answered and is not executed again`,
    );
  }
  return undefined;
}

/** The refusal of a request whose id was used before for another one. */
export function idReused(requestId: bigint): Refusal {
  return new Refusal(
    RefusalCode.INVALID_ARGUMENT,
    ErrorReason.REQUEST_ID_REUSED,
    `request id ${requestId} was used before with other content: give each new request the next id`,
  );
}

/**
 * Makes sure that one more outcome can be kept.
 * @throws Refusal LIMIT_EXCEEDED `max_unanswered`.
 */
export function roomForOutcome(state: NamespaceState, session: SessionRecord, factor = 1): void {
  const max = state.limits.max_unanswered;
  if (session.outcomes.size - session.tickets.size < max * factor) return;
  throw limitExceeded(
    "max_unanswered",
    max,
    `session ${session.id} has not confirmed the replies it got: send \`answered\``,
  );
}

/**
 * Makes sure that a session may hold or wait for one thing more.
 * @throws Refusal LIMIT_EXCEEDED `max_holds_per_session`, `max_held_bytes_per_session`.
 */
export function roomForHold(
  state: NamespaceState,
  session: SessionRecord,
  {
    owner,
    targets,
    value,
    metadata,
  }: Pick<AcquireRequest, "owner" | "targets"> &
    Partial<Pick<AcquireRequest, "value" | "metadata">>,
): void {
  const max = state.limits.max_holds_per_session;
  if (session.holds.size + session.tickets.size >= max)
    throw limitExceeded("max_holds_per_session", max, tooMuch(session));
  roomForBytes(state, session, heldBytes(owner, targets, value, metadata));
}

/**
 * Makes sure that a hold may remember one more request or token, or several.
 * @throws Refusal LIMIT_EXCEEDED `max_held_bytes_per_session`.
 */
export function roomForNumber(state: NamespaceState, session: SessionRecord, numbers = 1): void {
  roomForBytes(state, session, numbers * NUMBER_BYTES);
}

/**
 * Makes sure that what a session holds may grow by so many bytes.
 * @throws Refusal LIMIT_EXCEEDED `max_held_bytes_per_session`.
 */
export function roomForBytes(state: NamespaceState, session: SessionRecord, bytes: number): void {
  const max = state.limits.max_held_bytes_per_session;
  if (session.heldBytes + bytes > max)
    throw limitExceeded("max_held_bytes_per_session", max, tooMuch(session));
}

/**
 * Makes sure that a session may wait for one thing more.
 * @throws Refusal LIMIT_EXCEEDED `max_waiters_per_session`.
 */
export function roomForWaiter(state: NamespaceState, session: SessionRecord): void {
  const max = state.limits.max_waiters_per_session;
  if (session.tickets.size >= max)
    throw limitExceeded("max_waiters_per_session", max, `session ${session.id} waits for too much`);
}

function tooMuch(session: SessionRecord): string {
  return `session ${session.id} holds and waits for too much: open another session`;
}
