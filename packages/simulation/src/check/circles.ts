import { type Blocker, LockMode } from "@lockstep/protocol";
import { aheadOf, inTheWay } from "./conflicts.ts";
import type { HoldRecord, Ledger, TicketRecord } from "./records.ts";
import { demand } from "./violation.ts";

/**
 * Who waits or holds, as far as circles go: an owner inside a session. A request without an owner is its own;
 * a conversion belongs to its hold.
 */
function ownerOf(one: TicketRecord | HoldRecord): string {
  if (one.owner !== "") return `${one.sessionId}/${one.owner}`;
  return `${("convertOf" in one ? one.convertOf : undefined)?.id ?? one.id}`;
}

/** After a batch no owners wait for one another in a circle. */
export function noCircleIsLeft(ledger: Ledger): void {
  const waiting = [...ledger.tickets.values()].filter(({ to }) => to === undefined);
  const edges = new Map<string, Set<string>>();
  for (const ticket of waiting) edges.set(ownerOf(ticket), waitsFor(ledger, ticket));
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (owner: string): void => {
    demand(!path.includes(owner), "no circle of waiters is left", () =>
      [...path, owner].join(" → "),
    );
    if (done.has(owner)) return;
    path.push(owner);
    for (const next of edges.get(owner) ?? []) visit(next);
    path.pop();
    done.add(owner);
  };
  for (const owner of edges.keys()) visit(owner);
}

/** The cycle that a victim was shown existed, and the victim is the one that the contract names. */
export function verifiedCycle(
  ledger: Ledger,
  victim: TicketRecord,
  cycle: readonly Blocker[],
  revision: bigint,
): void {
  const tickets = cycle.map(({ ticketId }) => ledger.tickets.get(ticketId));
  const all = tickets.filter(
    (ticket): ticket is TicketRecord => ticket?.to === undefined && ticket !== undefined,
  );
  demand(
    all.length === cycle.length && all.includes(victim),
    "a cycle lists those who wait",
    () => `revision ${revision} lists ${cycle.map(({ ticketId }) => ticketId)}`,
  );
  for (const [at, ticket] of all.entries()) {
    const next = all[(at + 1) % all.length] as TicketRecord;
    const linked = waitsFor(ledger, ticket).has(ownerOf(next));
    demand(
      linked,
      "a cycle is one",
      () =>
        `revision ${revision}: ticket ${ticket.id} does not wait for the owner of ticket ${next.id}`,
    );
  }
  const lowest = Math.min(...all.map(({ priority }) => priority));
  const newest = all
    .filter(({ priority }) => priority === lowest)
    .reduce((a, b) => (a.id > b.id ? a : b));
  demand(
    newest === victim,
    "the victim has the lowest priority, then is the newest",
    () => `revision ${revision} takes ticket ${victim.id}, not ${newest.id}`,
  );
}

/** The owners that a waiter waits for. */
function waitsFor(ledger: Ledger, ticket: TicketRecord): Set<string> {
  const own = ownerOf(ticket);
  const others = inTheWay(ledger, {
    targets: ticket.targets.filter(
      ({ key, mode }) => mode !== LockMode.PERMITS || ledger.permitsOf(key) === 1,
    ),
    own: ticket.convertOf,
    ahead: aheadOf(ledger, ticket),
  });
  const owners = new Set<string>();
  for (const { hold, waiter } of others) {
    const other = hold ?? waiter;
    if (other !== undefined && ownerOf(other) !== own) owners.add(ownerOf(other));
  }
  return owners;
}
