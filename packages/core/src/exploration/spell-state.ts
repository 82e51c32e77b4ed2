import type { Delay } from "../state/delay.ts";
import type { Hold } from "../state/hold.ts";
import type { Ticket } from "../state/ticket.ts";
import type { Played } from "./moves.ts";

/**
 * A state in words that are the same for states from which the same can follow: revisions by their order,
 * times by what is left of them, clients in the order that comes first when it is spelt. Nobody repeats a request
 * here, so outcomes are left out.
 */
export function spellState(played: Played): string {
  const spelt = orders(played.clients).map((order) => spellInOrder(played, order));
  return spelt.sort()[0] ?? "";
}

function spellInOrder(played: Played, order: readonly number[]): string {
  const { state, monotonicMs } = played.world;
  const nameOf = (sessionId: bigint) => {
    const client = played.clientOf(sessionId);
    return client < 0 ? "gone" : String(order[client]);
  };
  const left = (untilMs: number) => Math.max(0, untilMs - monotonicMs);
  const lines: string[] = [];
  for (const client of played.clients) {
    const { id, renewedAtMs, ttlMs } = played.session(client);
    lines.push(`session ${nameOf(id)} ${left(renewedAtMs + ttlMs)}`);
  }
  const spellHold = ({ sessionId, targets, count, earlierTokens, convertTicketId }: Hold) =>
    `${nameOf(sessionId)} ${spellTargets(targets)} ${count} ${earlierTokens.length > 0} ${convertTicketId > 0n}`;
  for (const hold of state.holds.values()) lines.push(`hold ${spellHold(hold)}`);
  for (const delay of state.delays.values())
    lines.push(`delay ${spellHold(delay.hold)} ${spellDelay(delay, left)}`);
  const waiters = [...state.tickets.values()].map((ticket) => spellTicket(ticket, nameOf));
  const quarantined = [...state.quarantinedKeys.keys()].sort();
  const permits = state.policies.get("p")?.permits ?? 0;
  // Holds and delays of one kind are told apart by nothing; waiters stand in order.
  return [...lines.sort(), ...waiters, `${quarantined}`, `${permits}`].join("\n");
}

function spellDelay(delay: Delay, left: (untilMs: number) => number): string {
  const { unconfirmedUntilMs, lockDelayUntilMs, servedFromMs } = delay;
  return `${left(unconfirmedUntilMs)} ${left(lockDelayUntilMs)} ${servedFromMs === undefined}`;
}

function spellTicket(ticket: Ticket, nameOf: (sessionId: bigint) => string): string {
  return `waits ${nameOf(ticket.sessionId)} ${spellTargets(ticket.targets)} ${ticket.convertOf > 0n}`;
}

function spellTargets(targets: Hold["targets"]): string {
  return targets.map(({ key, mode, permits }) => `${key}${mode}${permits}`).join("+");
}

/** All orders of so many clients. */
function orders(clients: readonly number[]): number[][] {
  if (clients.length < 2) return [[...clients]];
  return clients.flatMap((first) =>
    orders(clients.filter((one) => one !== first)).map((rest) => [first, ...rest]),
  );
}
