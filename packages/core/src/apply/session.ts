import {
  EpochCause,
  type EpochStarted,
  type Event,
  type SessionEnded,
  type SessionForgotten,
  type SessionOpened,
  SessionState,
} from "@lockstep/protocol";
import { noteLoss } from "../state/losses.ts";
import { newSession, type SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { invariant, required } from "./invariant.ts";

export function applyEpochStarted(state: NamespaceState, body: EpochStarted): void {
  invariant(body.epoch > state.epoch, `epoch ${body.epoch} cannot follow epoch ${state.epoch}`);
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
    secretSha256: event.journalOnly?.secretSha256 ?? new Uint8Array(),
    ttlMs: Number(body.ttlMs),
    displayName: body.displayName,
    metadata: body.metadata,
    openedAtMs: Number(event.decidedAtMs),
    state: SessionState.ACTIVE,
  });
  state.sessions.set(session.id, session);
  state.sessionsBySecret.set(secretKey(session.secretSha256), session);
  state.activeSessions += 1;
  countPrincipal(state, session, 1);
}

export function applySessionEnded(state: NamespaceState, event: Event, body: SessionEnded): void {
  const session = required(state.sessions.get(body.sessionId), "session", body.sessionId);
  invariant(session.state === SessionState.ACTIVE, `session ${session.id} ended twice`);
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
    `session ${session.id} was forgotten while it mattered`,
  );
  state.sessions.delete(session.id);
  state.endedSessions.delete(session.id);
  state.sessionsBySecret.delete(secretKey(session.secretSha256));
}

/** The SHA-256 of a secret as a map key. */
export function secretKey(secretSha256: Uint8Array): string {
  let hex = "";
  for (const byte of secretSha256) hex += byte.toString(16).padStart(2, "0");
  return hex;
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
