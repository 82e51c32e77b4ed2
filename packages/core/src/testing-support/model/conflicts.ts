import type { Facts, Mode, ModelTicket, Target } from "./facts.ts";
import { delaysOf, holdersOf, policyOf, targetFor, waiters } from "./lookups.ts";

/** Somebody in the way of a target: a holder, a lost hold or an earlier waiter. */
export interface InTheWay {
  readonly kind: "holder" | "delay" | "waiter";
  readonly key: string;
  /** The hold or the ticket. */
  readonly id: bigint;
}

/** Who asks: where it stands in the order, and which hold is no obstacle to it. */
export interface Asker {
  readonly targets: readonly Target[];
  /** All that stand before it. */
  readonly before: readonly ModelTicket[];
  /** The hold that it wants to change, 0 when none. */
  readonly holdId: bigint;
}

/** A waiter as somebody who asks. */
export function asker(facts: Facts, ticket: ModelTicket): Asker {
  const all = waiters(facts);
  return { ...ticket, before: all.slice(0, all.indexOf(ticket)) };
}

/** A newcomer stands behind all; who converts waits for no waiter. */
export function newcomer(facts: Facts, targets: readonly Target[]): Asker {
  return { targets, before: waiters(facts), holdId: 0n };
}

/** Everybody in the way of a request, holders first. */
export function inTheWay(facts: Facts, { targets, before, holdId }: Asker): InTheWay[] {
  return targets.flatMap((target) => {
    const { key } = target;
    const obstacles = [
      ...holdersOf(facts, key)
        .filter(({ id }) => id !== holdId)
        .map((hold) => obstacle("holder", hold.id, targetFor(hold.targets, key))),
      ...delaysOf(facts, key).map(({ hold }) =>
        obstacle("delay", hold.id, targetFor(hold.targets, key)),
      ),
      ...before
        .filter((ticket) => holdId === 0n || ticket.holdId > 0n)
        .filter((ticket) => targetFor(ticket.targets, key) !== undefined)
        .map((ticket) => obstacle("waiter", ticket.id, targetFor(ticket.targets, key))),
    ];
    const permits = obstacles.reduce((sum, { target: taken }) => sum + taken.permits, 0);
    const full = permits + target.permits > policyOf(facts, key).permits;
    return obstacles
      .filter(({ target: taken }) => conflicts(target.mode, taken.mode, full))
      .map(({ kind, id }) => ({ kind, id, key }));
  });
}

/** The waiter who must be granted next; undefined when none can be. */
export function firstGrantable(facts: Facts): ModelTicket | undefined {
  return waiters(facts).find((ticket) => inTheWay(facts, asker(facts, ticket)).length === 0);
}

/** Whether a request for these targets can be granted at all under the policies in force. */
export function fitsPolicies(facts: Facts, targets: readonly Target[]): boolean {
  return targets.every(({ key, mode, permits }) => {
    const limit = policyOf(facts, key).permits;
    return mode === "PERMITS" ? permits <= limit : limit === 0;
  });
}

/** Whether two modes exclude each other on one key. */
export function conflicts(one: Mode, other: Mode, permitsAreFull: boolean): boolean {
  if (one === "PERMITS" && other === "PERMITS") return permitsAreFull;
  const pair = [one, other].sort().join(" ");
  return pair !== "SHARED SHARED" && pair !== "SHARED UPGRADABLE";
}

function obstacle(kind: InTheWay["kind"], id: bigint, target: Target | undefined) {
  if (target === undefined) throw new Error(`${kind} ${id} is not there`);
  return { kind, id, target };
}
