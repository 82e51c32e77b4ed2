import { asker, inTheWay } from "./conflicts.ts";
import type { Facts, ModelHold, ModelTicket } from "./facts.ts";
import { policyOf } from "./lookups.ts";

/** Whom a waiter waits for: names of owners. Lost holds and keys with several permits bind nobody. */
function waitsFor(facts: Facts, ticket: ModelTicket): Set<string> {
  const owners = new Set<string>();
  for (const { kind, key, id } of inTheWay(facts, asker(facts, ticket))) {
    if (kind === "delay" || policyOf(facts, key).permits > 1) continue;
    owners.add(kind === "holder" ? holderName(facts.holds, id) : waiterName(facts, id));
  }
  return owners;
}

/** The name of who waits: the owner; a request without one is its own owner, together with its hold. */
function waiterName(facts: Facts, ticketId: bigint): string {
  const ticket = facts.tickets.get(ticketId);
  if (ticket === undefined) throw new Error(`ticket ${ticketId} does not wait`);
  if (ticket.holdId > 0n) return holderName(facts.holds, ticket.holdId);
  return nameOf(ticket.sessionId, ticket.owner, `ticket ${ticketId}`);
}

/** Whether owners wait for one another in a circle. */
export function hasCircle(facts: Facts): boolean {
  const edges = new Map<string, Set<string>>();
  for (const ticket of facts.tickets.values()) {
    const name = waiterName(facts, ticket.id);
    edges.set(name, new Set([...(edges.get(name) ?? []), ...waitsFor(facts, ticket)]));
  }
  for (const start of edges.keys()) {
    const [reached, next] = [new Set<string>(), [...(edges.get(start) ?? [])]];
    for (let name = next.pop(); name !== undefined; name = next.pop()) {
      if (name === start) return true;
      if (reached.has(name)) continue;
      reached.add(name);
      next.push(...(edges.get(name) ?? []));
    }
  }
  return false;
}

/** What is wrong with a circle that a victim was told, undefined when it is one. */
export function faultOfCircle(
  facts: Facts,
  circle: readonly bigint[],
  victim: bigint,
): string | undefined {
  const tickets = circle.map((id) => facts.tickets.get(id));
  const all = tickets.filter((ticket) => ticket !== undefined);
  if (all.length === 0 || all.length < tickets.length) return "a circle is of those who wait";
  if (new Set(circle).size < circle.length) return "a circle names nobody twice";
  for (const [at, ticket] of all.entries()) {
    const next = all[(at + 1) % all.length] as ModelTicket;
    if (!waitsFor(facts, ticket).has(waiterName(facts, next.id)))
      return `ticket ${ticket.id} does not wait for ticket ${next.id}`;
  }
  const lowest = Math.min(...all.map(({ priority }) => priority));
  const newest = all.filter(({ priority }) => priority === lowest).map(({ id }) => id);
  const expected = newest.sort((one, other) => Number(other - one))[0];
  return victim === expected ? undefined : `the victim is ${expected}, not ${victim}`;
}

function holderName(holds: ReadonlyMap<bigint, ModelHold>, holdId: bigint): string {
  const hold = holds.get(holdId);
  if (hold === undefined) throw new Error(`hold ${holdId} is not live`);
  return nameOf(hold.sessionId, hold.owner, `hold ${holdId}`);
}

function nameOf(sessionId: bigint, owner: string, otherwise: string): string {
  return owner === "" ? otherwise : `${sessionId} ${owner}`;
}
