import { SessionState } from "@lockstep/protocol";
import { expect } from "vitest";
import type { Now } from "../op.ts";
import type { KeyRecord, NamespaceState, SessionRecord } from "../state/state.ts";

/** What must be true between any two operations, whatever has happened. */
export function checkState(state: NamespaceState, now: Now): void {
  for (const record of state.keys.values()) checkKey(state, record, now);
  for (const session of state.sessions.values()) checkSession(state, session);
  for (const hold of state.holds.values()) {
    expect(state.sessions.get(hold.sessionId)?.holds.get(hold.id)).toBe(hold);
    for (const { key } of hold.targets) expect(state.keys.get(key)?.holds).toContain(hold);
  }
  for (const ticket of state.tickets.values()) {
    expect(state.sessions.get(ticket.sessionId)?.tickets.get(ticket.id)).toBe(ticket);
    for (const { key } of ticket.targets)
      expect(state.keys.get(key)?.queue.get(ticket.id)).toBe(ticket);
  }
  for (const delay of state.delays.values()) {
    expect(state.sessions.get(delay.hold.sessionId)?.delays.get(delay.hold.id)).toBe(delay);
    for (const { key } of delay.hold.targets) expect(state.keys.get(key)?.delays).toContain(delay);
  }
  checkCounts(state);
}

function checkKey(state: NamespaceState, record: KeyRecord, now: Now): void {
  const { holds, delays, queue, key } = record;
  expect(holds.length, `live holds of ${key}`).toBeLessThanOrEqual(1);
  if (delays.length > 0) expect(holds, `holds of the delayed ${key}`).toEqual([]);
  expect(holds.length + delays.length + queue.size, `use of ${key}`).toBeGreaterThan(0);
  for (const hold of holds) expect(state.holds.get(hold.id)).toBe(hold);
  for (const delay of delays) expect(state.delays.get(delay.hold.id)).toBe(delay);
  for (const ticket of queue.values()) expect(state.tickets.get(ticket.id)).toBe(ticket);
  const ids = [...queue.keys()];
  expect(ids, `arrival order at ${key}`).toEqual([...ids].sort((a, b) => (a < b ? -1 : 1)));
  const paused = now.monotonicMs < state.grantsFromMs;
  if (holds.length + delays.length === 0)
    expect(paused, `${key} is free and waited for`).toBe(true);
}

function checkSession(state: NamespaceState, session: SessionRecord): void {
  if (session.state !== SessionState.ACTIVE) {
    expect(session.holds.size, `holds of the ended session ${session.id}`).toBe(0);
    expect(session.tickets.size, `tickets of the ended session ${session.id}`).toBe(0);
    expect(session.outcomes.size).toBe(0);
  }
  const owners = [...session.tickets.values()].filter(({ owner }) => owner !== "");
  expect([...session.busyOwners].sort()).toEqual(
    owners.map(({ owner, id }) => [owner, id] as const).sort(),
  );
  const waiting = [...session.outcomes].filter(([, { result }]) => result.kind === "waiting");
  expect(new Set(waiting.map(([requestId]) => requestId))).toEqual(
    new Set([...session.tickets.values()].map(({ requestId }) => requestId)),
  );
  for (const [requestId, { result }] of session.outcomes) {
    if (result.kind !== "waiting") expect(session.answered.has(requestId)).toBe(false);
  }
  for (const holdId of session.holds.keys()) expect(state.holds.has(holdId)).toBe(true);
  for (const holdId of session.delays.keys()) expect(state.delays.has(holdId)).toBe(true);
}

function checkCounts(state: NamespaceState): void {
  const active = [...state.sessions.values()].filter((one) => one.state === SessionState.ACTIVE);
  const byPrincipal = new Map<string, number>();
  for (const { principal } of active) {
    byPrincipal.set(principal, (byPrincipal.get(principal) ?? 0) + 1);
  }
  expect(state.activeSessions).toBe(active.length);
  expect(state.sessionsByPrincipal).toEqual(byPrincipal);
  expect(state.sessionsBySecret.size).toBe(state.sessions.size);
}
