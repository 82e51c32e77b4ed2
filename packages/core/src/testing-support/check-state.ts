import { SessionState } from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { heldBytes } from "../state/held-bytes.ts";
import type { KeyRecord, NamespaceState, SessionRecord } from "../state/state.ts";

/** What must be true between any two operations, whatever has happened. */
export function checkState(state: NamespaceState, now: Now): void {
  for (const record of state.keys.values()) checkKey(state, record, now);
  for (const session of state.sessions.values()) checkSession(state, session);
  for (const hold of state.holds.values()) {
    must(state.sessions.get(hold.sessionId)?.holds.get(hold.id) === hold, "a hold has its session");
    for (const { key } of hold.targets)
      must(state.keys.get(key)?.holds.includes(hold), "a hold has its keys");
  }
  for (const ticket of state.tickets.values()) {
    const session = state.sessions.get(ticket.sessionId);
    must(session?.tickets.get(ticket.id) === ticket, "a ticket has its session");
    for (const { key } of ticket.targets)
      must(state.keys.get(key)?.queue.get(ticket.id) === ticket, "a waiter is queued");
  }
  for (const delay of state.delays.values()) {
    const session = state.sessions.get(delay.hold.sessionId);
    must(session?.delays.get(delay.hold.id) === delay, "a delay has its session");
    for (const { key } of delay.hold.targets)
      must(state.keys.get(key)?.delays.includes(delay), "a delay has its keys");
  }
  checkCounts(state);
  checkTallies(state);
}

/** What is counted along agrees with what is there. */
function checkTallies(state: NamespaceState): void {
  for (const session of state.sessions.values()) {
    let bytes = 0;
    for (const one of [...session.holds.values(), ...session.tickets.values()])
      bytes += heldBytes(one);
    must(session.heldBytes === bytes, "the bytes a session holds are counted");
    const ended = session.state !== SessionState.ACTIVE;
    must(state.endedSessions.has(session.id) === ended, "an ended session is among the ended");
  }
  must(
    state.endedSessions.size === state.sessions.size - state.activeSessions,
    "only what is remembered is among the ended",
  );
}

function checkKey(state: NamespaceState, record: KeyRecord, now: Now): void {
  const { holds, delays, queue } = record;
  must(holds.length <= 1, "a key has one live hold at most");
  must(holds.length === 0 || delays.length === 0, "a delayed key has no live hold");
  must(holds.length + delays.length + queue.size > 0, "a key nobody uses is gone");
  for (const hold of holds) must(state.holds.get(hold.id) === hold, "a key's hold is live");
  for (const delay of delays)
    must(state.delays.get(delay.hold.id) === delay, "a key's delay is running");
  let before = 0n;
  for (const ticket of queue.values()) {
    must(state.tickets.get(ticket.id) === ticket, "who is queued waits");
    must(before < ticket.id, "a queue is in the order of arrival");
    before = ticket.id;
  }
  const paused = now.monotonicMs < state.grantsFromMs;
  const tickIsDue = (state.due.nextAtMs ?? Number.POSITIVE_INFINITY) <= now.monotonicMs;
  must(
    holds.length + delays.length > 0 || paused || tickIsDue,
    "a free key is granted to its first waiter",
  );
}

function checkSession(state: NamespaceState, session: SessionRecord): void {
  if (session.state !== SessionState.ACTIVE) {
    must(session.holds.size + session.tickets.size === 0, "an ended session holds nothing");
    must(session.outcomes.size === 0, "an ended session is asked for nothing");
  }
  let owned = 0;
  for (const { id, owner, requestId } of session.tickets.values()) {
    if (owner !== "") owned += 1;
    must(owner === "" || session.busyOwners.get(owner) === id, "an owner waits once");
    const result = session.outcomes.get(requestId)?.result;
    must(result?.kind === "waiting" && result.ticketId === id, "a waiter's request waits");
  }
  must(session.busyOwners.size === owned, "who does not wait is not busy");
  let waiting = 0;
  for (const [requestId, { result }] of session.outcomes) {
    if (result.kind === "waiting") waiting += 1;
    else must(!session.answered.has(requestId), "what is confirmed is not kept");
  }
  must(waiting === session.tickets.size, "a request that waits has its waiter");
  for (const holdId of session.holds.keys()) must(state.holds.has(holdId), "its holds are live");
  for (const holdId of session.delays.keys())
    must(state.delays.has(holdId), "its delays are running");
}

function checkCounts(state: NamespaceState): void {
  let active = 0;
  const byPrincipal = new Map<string, number>();
  for (const session of state.sessions.values()) {
    if (session.state !== SessionState.ACTIVE) continue;
    active += 1;
    byPrincipal.set(session.principal, (byPrincipal.get(session.principal) ?? 0) + 1);
  }
  must(state.activeSessions === active, "active sessions are counted");
  must(state.sessionsByPrincipal.size === byPrincipal.size, "a principal without session is gone");
  for (const [principal, count] of byPrincipal)
    must(state.sessionsByPrincipal.get(principal) === count, "a principal's sessions are counted");
  must(state.sessionsBySecret.size === state.sessions.size, "each session has its secret");
}

// Not `expect`, which takes longer than all the rest of a test that looks after every step.
function must(holds: boolean | undefined, rule: string): void {
  if (!holds) throw new Error(`broken: ${rule}`);
}
