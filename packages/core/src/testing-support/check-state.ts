import { HoldEnd, type LockTarget, SessionState } from "@lockstep/protocol";
import { holdBytes, ticketBytes } from "../apply/records.ts";
import type { Now } from "../op.ts";
import { isUnused, type KeyRecord, targetOf } from "../state/key.ts";
import { permitsOf } from "../state/policies.ts";
import { areLimitsRunning } from "../state/served-time.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { admits, conflicts, count, NOBODY, newTally, type Tally } from "../state/tally.ts";
import type { Ticket } from "../state/ticket.ts";

/** What must be true between any two operations, whatever has happened. */
export function checkState(state: NamespaceState, now: Now): void {
  for (const record of state.keys.values()) checkKey(state, record, now);
  for (const session of state.sessions.values()) checkSession(state, session);
  for (const hold of state.holds.values()) {
    must(state.sessions.get(hold.sessionId)?.holds.get(hold.id) === hold, "a hold has its session");
    must(hold.count >= 1, "a hold counts a grant");
    must(hold.end === HoldEnd.UNSPECIFIED, "what is held is not over");
    must(hold.token >= hold.id && hold.token <= state.revision, "a token is a revision");
    for (const { key } of hold.targets)
      must(state.keys.get(key)?.holds.includes(hold), "a hold has its keys");
  }
  for (const ticket of state.tickets.values()) checkTicket(state, ticket);
  for (const delay of state.delays.values()) {
    const session = state.sessions.get(delay.hold.sessionId);
    must(session?.delays.get(delay.hold.id) === delay, "a delay has its session");
    must(delay.confirmMs + delay.lockDelayMs > 0, "a delay is for something");
    for (const { key } of delay.hold.targets)
      must(state.keys.get(key)?.delays.includes(delay), "a delay has its keys");
  }
  must(state.doomed.size === 0, "who cannot be granted any more does not wait");
  checkLimits(state, now);
  checkCounts(state);
  checkTallies(state);
}

function checkTicket(state: NamespaceState, ticket: Ticket): void {
  const session = state.sessions.get(ticket.sessionId);
  must(session?.tickets.get(ticket.id) === ticket, "a ticket has its session");
  must(
    !state.quarantinedIdentities.has(session?.principal ?? ""),
    "nobody waits who is quarantined",
  );
  for (const { key } of ticket.targets) {
    const record = state.keys.get(key);
    const waits =
      ticket.convertOf === 0n
        ? record?.queue.get(ticket.id) === ticket
        : record?.convert === ticket;
    must(waits, "a waiter is queued");
  }
  if (ticket.convertOf === 0n) return;
  const hold = state.holds.get(ticket.convertOf);
  must(hold?.convertTicketId === ticket.id, "a Convert waits for a live hold, which knows it");
  must(ticket.targets.length === 1, "a Convert wants one key");
}

/** Time that is limited is written down, and none of it twice. */
function checkLimits(state: NamespaceState, now: Now): void {
  let limited = 0;
  for (const hold of state.holds.values()) {
    if (hold.maxHoldMs > 0) limited += 1;
    const uncounted = hold.maxHoldMs > 0 && hold.servedFromMs === undefined;
    must(state.uncountedHolds.has(hold) === uncounted, "a longest time is counted once");
  }
  must(state.limitedHolds === limited, "longest times are counted");
  for (const delay of state.delays.values())
    must(
      state.uncountedDelays.has(delay) === (delay.servedFromMs === undefined),
      "a delay is counted once",
    );
  for (const hold of state.uncountedHolds) must(state.holds.has(hold.id), "only what runs counts");
  for (const { hold } of state.uncountedDelays)
    must(state.delays.has(hold.id), "only what runs counts");
  must(
    !areLimitsRunning(state, now) || state.isServedTimeDue,
    "while a limit runs, time is written down",
  );
}

/** What is counted along agrees with what is there. */
function checkTallies(state: NamespaceState): void {
  for (const session of state.sessions.values()) {
    let bytes = 0;
    for (const hold of session.holds.values()) bytes += holdBytes(hold);
    for (const ticket of session.tickets.values()) bytes += ticketBytes(ticket);
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
  const { key, holds, delays, queue, convert, quarantine } = record;
  const [taken, waiting] = [newTally(), newTally()];
  let beforeId = 0n;
  for (const hold of holds) {
    must(state.holds.get(hold.id) === hold, "a key's hold is live");
    must(beforeId < hold.id, "holds are in the order of their grants");
    beforeId = hold.id;
    count(taken, targetOf(hold.targets, key) as LockTarget, 1);
  }
  checkTogether(record);
  beforeId = 0n;
  for (const delay of delays) {
    must(state.delays.get(delay.hold.id) === delay, "a key's delay is running");
    must(beforeId < delay.hold.id, "delays are in the order of their holds");
    beforeId = delay.hold.id;
    count(taken, targetOf(delay.hold.targets, key) as LockTarget, 1);
  }
  beforeId = 0n;
  for (const ticket of queue.values()) {
    must(state.tickets.get(ticket.id) === ticket, "who is queued waits");
    must(ticket.convertOf === 0n, "a Convert does not stand in the queue");
    must(beforeId < ticket.id, "a queue is in the order of arrival");
    beforeId = ticket.id;
    count(waiting, targetOf(ticket.targets, key) as LockTarget, 1);
  }
  must(isSameTally(taken, record.taken), "those who block a key are counted");
  must(isSameTally(waiting, record.waiting), "those who wait for a key are counted");
  must(convert === undefined || state.tickets.get(convert.id) === convert, "who converts waits");
  must(!isUnused(record), "a key nobody uses is gone");
  must(state.quarantinedKeys.has(key) === (quarantine !== undefined), "a quarantine is listed");
  must(quarantine === undefined || queue.size === 0, "nobody waits for a quarantined key");
  checkNobodyForgotten(state, record, now);
}

/** Holds and what lost holds block, each beside all that were granted before it. */
function checkTogether({ key, holds, delays }: KeyRecord): void {
  const targets = [...holds, ...delays.map(({ hold }) => hold)].map(
    (hold) => targetOf(hold.targets, key) as LockTarget,
  );
  targets.forEach((target, at) => {
    for (const other of targets.slice(0, at))
      must(!conflicts(target, other, false), "who holds a key together does not conflict");
  });
}

/** Whoever waits is in somebody's way or has somebody in its own. */
function checkNobodyForgotten(state: NamespaceState, { key, queue, convert }: KeyRecord, now: Now) {
  const paused = now.monotonicMs < state.grantsFromMs;
  const tickIsDue = (state.due.nextAtMs ?? Number.POSITIVE_INFINITY) <= now.monotonicMs;
  if (paused || tickIsDue) return;
  for (const ticket of convert === undefined ? queue.values() : [convert])
    must(isBlocked(state, ticket), `who can be granted does not wait for ${key}`);
}

function isBlocked(state: NamespaceState, ticket: Ticket): boolean {
  return ticket.targets.some((target) => {
    const record = state.keys.get(target.key) as KeyRecord;
    const ahead = newTally();
    for (const hold of [...record.holds, ...record.delays.map(({ hold }) => hold)])
      if (hold.id !== ticket.convertOf)
        count(ahead, targetOf(hold.targets, target.key) as LockTarget, 1);
    if (ticket.convertOf === 0n && record.convert !== undefined) return true;
    for (const other of ticket.convertOf === 0n ? record.queue.values() : []) {
      if (other === ticket) break;
      count(ahead, targetOf(other.targets, target.key) as LockTarget, 1);
    }
    return !admits(ahead, NOBODY, target, permitsOf(state, target.key));
  });
}

function isSameTally(a: Readonly<Tally>, b: Readonly<Tally>): boolean {
  return (
    a.exclusive === b.exclusive &&
    a.shared === b.shared &&
    a.upgradable === b.upgradable &&
    a.permits === b.permits
  );
}

function checkSession(state: NamespaceState, session: SessionRecord): void {
  if (session.state !== SessionState.ACTIVE) {
    must(session.holds.size + session.tickets.size === 0, "an ended session holds nothing");
    must(session.outcomes.size === 0, "an ended session is asked for nothing");
  }
  let owned = 0;
  checkOwned(session);
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

function checkOwned({ holds, ownedKeys }: SessionRecord): void {
  let keys = 0;
  for (const hold of holds.values()) {
    if (hold.owner === "") continue;
    keys += hold.targets.length;
    for (const { key } of hold.targets)
      must(ownedKeys.get(hold.owner)?.get(key) === hold, "an owner holds a key once");
  }
  for (const owned of ownedKeys.values()) {
    must(owned.size > 0, "who holds nothing is no owner");
    keys -= owned.size;
  }
  must(keys === 0, "an owner has only what it holds");
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
