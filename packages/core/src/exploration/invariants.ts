import type { Event } from "@lockstep/protocol";
import type { Hold } from "../state/hold.ts";
import type { NamespaceState } from "../state/state.ts";
import { conflicts, firstGrantable, inTheWay } from "../testing-support/model/conflicts.ts";
import { hasCircle } from "../testing-support/model/deadlock.ts";
import { modeOf, targetsOf } from "../testing-support/model/describe.ts";
import { type Facts, type ModelHold, must, noFacts } from "../testing-support/model/facts.ts";
import { waiters } from "../testing-support/model/lookups.ts";

const NO_TERMS = { maxHoldMs: 0, onLoss: "RELEASE", delayMs: 0, value: "" } as const;

/** Throws when a state should not be: what the model knows of locks is asked of what the core has. */
export function checkInvariants(state: NamespaceState): void {
  const facts = factsOf(state);
  const blocking = [...state.holds.values(), ...[...state.delays.values()].map(({ hold }) => hold)];
  for (const [at, one] of blocking.entries())
    for (const other of blocking.slice(at + 1)) mustNotConflict(one, other, state);
  for (const key of new Set([...state.holds.values()].flatMap(({ targets }) => keysOf(targets))))
    must(state.keys.has(key), "a held key is known");
  const tokens = [...state.holds.values()].map(({ token }) => token);
  must(new Set(tokens).size === tokens.length, "no token is used twice");
  const next = firstGrantable(facts);
  must(next === undefined, `ticket ${next?.id} is granted as nobody is in its way`);
  must(!hasCircle(facts), "nobody waits in a circle");
  for (const { targets } of state.tickets.values())
    for (const { key } of targets)
      must(!state.quarantinedKeys.has(key), "nobody waits for a quarantined key");
  for (const { id, holds, tickets, endedAtMs } of state.sessions.values())
    must(endedAtMs === 0 || holds.size + tickets.size === 0, `session ${id} is over`);
}

/** Throws when one of these events granted something past somebody: who came before and still waits, or who holds. */
export function checkGrants(state: NamespaceState, events: readonly Event[]): void {
  for (const { revision, body } of events) {
    if (body.case !== "lockGranted" || body.value.transferredFrom > 0n) continue;
    const { holdId, ticketId, targets } = body.value;
    const facts = factsOf(state);
    // What was lost again in the same step can be told nothing of any more.
    if (!facts.holds.delete(holdId)) continue;
    const arrived = ticketId || revision;
    const before = waiters(facts).filter(
      ({ id, holdId: converts }) => id < arrived || converts > 0n,
    );
    const [passed] = inTheWay(facts, { targets: targetsOf(targets), before, holdId: 0n });
    must(passed === undefined, `hold ${holdId} was granted past ${passed?.kind} ${passed?.id}`);
  }
}

/** Permits may be more than the policy offers by now, but a live hold never stands beside another mode. */
function mustNotConflict(one: Hold, other: Hold, state: NamespaceState): void {
  const bothLost = !state.holds.has(one.id) && !state.holds.has(other.id);
  if (bothLost) return;
  for (const { key, mode } of one.targets) {
    const theirs = other.targets.find((target) => target.key === key);
    const apart = theirs === undefined || !conflicts(modeOf(mode), modeOf(theirs.mode), false);
    must(apart, `holds ${one.id} and ${other.id} exclude each other on ${key}`);
  }
}

/** As much of the facts of the model as its rules of granting ask for. */
function factsOf(state: NamespaceState): Facts {
  const facts = noFacts();
  for (const hold of state.holds.values()) facts.holds.set(hold.id, modelHoldOf(hold));
  for (const { hold, lostRevision } of state.delays.values())
    facts.delays.set(hold.id, {
      hold: modelHoldOf(hold),
      reason: "",
      lossRevision: lostRevision,
      confirm: undefined,
      confirmed: false,
      lock: undefined,
    });
  for (const { convertOf, waitMs, deadlockPriority, targets, ...ticket } of state.tickets.values())
    facts.tickets.set(ticket.id, {
      ...ticket,
      targets: targetsOf(targets),
      holdId: convertOf,
      terms: NO_TERMS,
      waitMs,
      priority: deadlockPriority,
      content: "",
      untilMs: ticket.deadlineMs,
    });
  for (const { keyPrefix, ...policy } of state.policies.values())
    facts.policies.set(keyPrefix, policy);
  return facts;
}

function modelHoldOf({ id, token, sessionId, owner, targets, count }: Hold): ModelHold {
  return {
    id,
    token,
    sessionId,
    owner,
    count,
    targets: targetsOf(targets),
    terms: NO_TERMS,
    earlierTokens: [],
    requestIds: [],
    unwrittenIds: [],
    maxHold: undefined,
    askedRevision: 0n,
  };
}

function keysOf(targets: Hold["targets"]): string[] {
  return targets.map(({ key }) => key);
}
