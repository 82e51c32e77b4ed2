import { conflicts, firstGrantable, fitsPolicies } from "./conflicts.ts";
import { hasCircle } from "./deadlock.ts";
import { type Facts, must } from "./facts.ts";
import { endsOf } from "./limit.ts";
import { delayEnds, holdersOf, sessionOf, targetFor } from "./lookups.ts";

/** Throws unless everything has been done that follows from what happened. */
export function mustBeSettled(facts: Facts): void {
  for (const ticket of facts.tickets.values()) {
    const { life, principal } = sessionOf(facts, ticket.sessionId);
    must(life === "ACTIVE", "no waiter of an ended session is left");
    must(ticket.holdId === 0n || facts.holds.has(ticket.holdId), "who converts has a hold");
    must(!facts.quarantined.has(principal), "no quarantined principal waits");
    must(fitsPolicies(facts, ticket.targets), "who can never be granted does not wait");
    for (const { key } of ticket.targets)
      must(!facts.quarantinedKeys.has(key), "nobody waits for a quarantined key");
  }
  for (const hold of facts.holds.values()) {
    must(sessionOf(facts, hold.sessionId).life === "ACTIVE", "no ended session holds");
    mustHoldAlone(facts, hold.id);
  }
  if (!facts.pauseIsOver) return;
  const next = firstGrantable(facts);
  must(next === undefined, `ticket ${next?.id} is granted as nobody is in its way`);
}

/** Throws when a hold exists beside another that it conflicts with. */
function mustHoldAlone(facts: Facts, holdId: bigint): void {
  for (const { key, mode } of facts.holds.get(holdId)?.targets ?? []) {
    const others = [
      ...holdersOf(facts, key),
      ...[...facts.delays.values()].map(({ hold }) => hold),
    ].filter(({ id }) => id !== holdId);
    for (const other of others) {
      const theirs = targetFor(other.targets, key);
      must(
        theirs === undefined || !conflicts(mode, theirs.mode, false),
        `holds ${holdId} and ${other.id} exclude each other on ${key}`,
      );
    }
  }
}

/** Throws when a circle of waiters was left that was not there before. */
export function mustHaveNoCircle(facts: Facts, wasThere: boolean): void {
  if (!wasThere) must(!hasCircle(facts), "no circle of waiters is left");
}

/** Throws when a principal should have been quarantined by the losses of this step. */
export function mustQuarantine(facts: Facts, nowMs: number): void {
  const { afterLosses, windowMs } = facts.settings;
  if (afterLosses === 0) return;
  for (const { principal, atMs } of facts.lostSessions) {
    if (atMs !== nowMs || facts.quarantined.has(principal)) continue;
    const recent = facts.lostSessions.filter(
      (one) => one.principal === principal && !one.stale && one.atMs > nowMs - windowMs,
    );
    must(recent.length <= afterLosses, "a principal that loses too much is quarantined");
  }
}

/** Throws when something is left undone that was due at this tick. */
export function mustNotBeDue(facts: Facts, nowMs: number): void {
  for (const { life, renewedAtMs, ttlMs, endedAtMs } of facts.sessions.values()) {
    must(life !== "ACTIVE" || nowMs < renewedAtMs + ttlMs, "a session expires at its time");
    must(life === "ACTIVE" || nowMs < endedAtMs + 7_200_000, "a session is forgotten");
  }
  for (const { untilMs } of facts.tickets.values())
    must(nowMs < untilMs, "a wait ends at its time");
  for (const delay of facts.delays.values())
    must(nowMs < delayEnds(delay).untilMs, "a delay ends at its time");
  for (const { maxHold } of facts.holds.values())
    must(maxHold === undefined || nowMs < endsOf(maxHold).untilMs, "a longest hold ends");
}
