import type {
  Facts,
  ModelDelay,
  ModelHold,
  ModelOutcome,
  ModelPolicy,
  ModelSession,
  ModelTicket,
  Target,
} from "./facts.ts";
import { type Ends, endsOf, type Limit, lastOf } from "./limit.ts";

const NO_POLICY: ModelPolicy = {
  maxHoldMs: 0,
  lockDelayMs: 0,
  permits: 0,
  maxWaiters: 0,
  maxWaitMs: 0,
};

export function sessionOf(facts: Facts, sessionId: bigint): ModelSession {
  const session = facts.sessions.get(sessionId);
  if (session === undefined) throw new Error(`session ${sessionId} is not known`);
  return session;
}

/** The policy with the longest prefix of a key. */
export function policyOf(facts: Facts, key: string): ModelPolicy {
  let [found, length] = [NO_POLICY, -1];
  for (const [prefix, policy] of facts.policies) {
    if (!key.startsWith(prefix) || prefix.length <= length) continue;
    [found, length] = [policy, prefix.length];
  }
  return found;
}

/** Which target of these is for this key. */
export function targetFor(targets: readonly Target[], key: string): Target | undefined {
  return targets.find((target) => target.key === key);
}

export function holdersOf(facts: Facts, key: string): ModelHold[] {
  return [...facts.holds.values()].filter(({ targets }) => targetFor(targets, key) !== undefined);
}

export function delaysOf(facts: Facts, key: string): ModelDelay[] {
  return [...facts.delays.values()]
    .filter(({ hold }) => targetFor(hold.targets, key) !== undefined)
    .sort((one, other) => Number(one.hold.id - other.hold.id));
}

/** All waiters in the order in which they are visited: those who convert, then by arrival. */
export function waiters(facts: Facts): ModelTicket[] {
  const all = [...facts.tickets.values()];
  return [...all.filter(({ holdId }) => holdId > 0n), ...all.filter(({ holdId }) => holdId === 0n)];
}

/** The waiters of a key in that order. */
export function queueOf(facts: Facts, key: string): ModelTicket[] {
  return waiters(facts).filter(({ targets }) => targetFor(targets, key) !== undefined);
}

/** What runs of a delay. */
export function partsOf({ confirm, confirmed, lock }: ModelDelay): Limit[] {
  const parts = [confirmed ? undefined : confirm, lock];
  return parts.filter((part) => part !== undefined);
}

/** When a delay is over. */
export function delayEnds(delay: ModelDelay): Ends {
  const parts = partsOf(delay).map(endsOf);
  return parts.length === 0 ? { fromMs: -Infinity, untilMs: -Infinity } : lastOf(parts);
}

/** The outcome of a request as far as it is still kept. */
export function keptOutcome(session: ModelSession, requestId: bigint): ModelOutcome | undefined {
  const outcome = session.outcomes.get(requestId);
  if (outcome === undefined || outcome.ticketId !== 0n) return outcome;
  return session.answered.has(requestId) ? undefined : outcome;
}

/** How many final outcomes are kept. */
export function unanswered(session: ModelSession): number {
  return [...session.outcomes.keys()].filter((id) => keptOutcome(session, id)?.ticketId === 0n)
    .length;
}

/** Whether nothing is granted: "maybe" when it cannot be known. */
export function paused({ pause }: Facts, nowMs: number): "yes" | "no" | "maybe" {
  if (pause === undefined) return "no";
  const { fromMs, untilMs } = endsOf(pause);
  return nowMs < fromMs ? "yes" : nowMs < untilMs ? "maybe" : "no";
}

/** Targets in one line, whatever their order. */
export function spell(targets: readonly Target[]): string {
  const all = targets.map(
    ({ key, mode, permits }) => `${key}:${mode}${permits > 0 ? permits : ""}`,
  );
  return all.sort().join("+");
}
