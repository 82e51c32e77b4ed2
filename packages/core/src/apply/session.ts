import {
  EpochCause,
  type EpochStarted,
  type Event,
  type SessionEnded,
  type SessionForgotten,
  type SessionOpened,
  SessionState,
} from "@lockstep/protocol";
import { NO_VALUE } from "../state/hold.ts";
import { keptMetadata } from "../state/kept.ts";
import { noteLoss } from "../state/losses.ts";
import { secretKey } from "../state/secret-key.ts";
import { newSession, type SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { invariant, required } from "./invariant.ts";

export function applyEpochStarted(state: NamespaceState, body: EpochStarted): void {
  invariant(
    body.epoch > state.epoch,
    () => `epoch ${body.epoch} cannot follow epoch ${state.epoch}`,
  );
  state.epoch = body.epoch;
  // A restart neither cuts a new lineage's pause short nor begins it anew.
  if (body.cause === EpochCause.RECOVERED && body.grantPauseMs === 0n) return;
  state.grantPauseMs = Number(body.grantPauseMs);
  state.grantPauseServedFromMs = state.servedMs;
}

export function applySessionOpened(state: NamespaceState, event: Event, body: SessionOpened): void {
  const session = newSession({
    id: body.sessionId,
    principal: event.actor,
    secretKey: secretKey(event.journalOnly?.secretSha256 ?? NO_VALUE),
    ttlMs: Number(body.ttlMs),
    displayName: body.displayName,
    metadata: keptMetadata(body.metadata),
    openedAtMs: Number(event.decidedAtMs),
    state: SessionState.ACTIVE,
  });
  state.sessions.set(session.id, session);
  state.sessionsBySecret.set(session.secretKey, session);
  state.activeSessions += 1;
  countPrincipal(state, session, 1);
}

export function applySessionEnded(state: NamespaceState, event: Event, body: SessionEnded): void {
  const session = required(state.sessions.get(body.sessionId), "session", body.sessionId);
  invariant(session.state === SessionState.ACTIVE, () => `session ${session.id} ended twice`);
  session.state = body.state;
  session.endedAtMs = Number(event.decidedAtMs);
  session.outcomes.clear();
  session.answered.clear();
  session.answeredPending.clear();
  if (body.state !== SessionState.CLOSED) noteLoss(state, session.principal, session.endedAtMs);
  state.activeSessions -= 1;
  state.endedSessions.add(session.id);
  countPrincipal(state, session, -1);
}

export function applySessionForgotten(state: NamespaceState, body: SessionForgotten): void {
  const session = required(state.sessions.get(body.sessionId), "session", body.sessionId);
  invariant(
    session.state !== SessionState.ACTIVE && session.delays.size === 0,
    () => `session ${session.id} was forgotten while it mattered`,
  );
  state.sessions.delete(session.id);
  state.endedSessions.delete(session.id);
  state.sessionsBySecret.delete(session.secretKey);
}

/** Counts the active sessions of a principal. */
export function countPrincipal(
  state: NamespaceState,
  session: SessionRecord,
  change: number,
): void {
  const count = (state.sessionsByPrincipal.get(session.principal) ?? 0) + change;
  if (count === 0) state.sessionsByPrincipal.delete(session.principal);
  else state.sessionsByPrincipal.set(session.principal, count);
}
