import { type Event, LockMode, TicketEnd } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import { verifiedCycle } from "./circles.ts";
import { ownerMayAsk } from "./granting.ts";
import { liveSession } from "./live.ts";
import type { Ledger, TicketRecord } from "./records.ts";
import { demand } from "./violation.ts";

type Body<C extends string> = Extract<Event["body"], { case: C }>["value"];

/** An acquire begins to wait. */
export function queue(ledger: Ledger, body: Body<"lockQueued">, revision: bigint): void {
  const { ticketId, sessionId, requestId, targets, owner } = body;
  const session = liveSession(ledger, sessionId, "only a living session waits");
  ownerMayAsk(ledger, session, owner, targets, revision);
  addTicket(ledger, {
    id: ticketId,
    sessionId,
    requestId,
    owner,
    targets,
    priority: body.deadlockPriority,
    convertOf: undefined,
    from: revision,
    to: undefined,
  });
}

/** A conversion begins to wait. */
export function queueConvert(
  ledger: Ledger,
  body: Body<"convertQueued">,
  revision: bigint,
  marks: Marks,
): void {
  const { ticketId, sessionId, requestId, holdId, target } = body;
  liveSession(ledger, sessionId, "only a living session waits");
  const hold = ledger.holds.get(holdId);
  const wellFormed = hold?.to === undefined && target?.mode === LockMode.EXCLUSIVE;
  demand(
    wellFormed && hold !== undefined && target !== undefined,
    "only an upgrade of a live hold waits",
    () => `revision ${revision} on hold ${holdId}`,
  );
  marks.hit("conversion waits");
  addTicket(ledger, {
    id: ticketId,
    sessionId,
    requestId,
    owner: hold.owner,
    targets: [target],
    priority: body.deadlockPriority,
    convertOf: hold,
    from: revision,
    to: undefined,
  });
}

/** A wait ends without a grant. */
export function endWait(
  ledger: Ledger,
  body: Body<"ticketEnded">,
  revision: bigint,
  marks: Marks,
): void {
  const ticket = ledger.tickets.get(body.ticketId);
  demand(
    ticket !== undefined && ticket.to === undefined,
    "a wait ends once",
    () => `ticket ${body.ticketId}`,
  );
  marks.hit(`wait ended: ${TicketEnd[body.end]}`);
  if (body.end === TicketEnd.DEADLOCK_VICTIM) {
    verifiedCycle(ledger, ticket, body.cycle, revision);
    const keys = new Set(body.cycle.map(({ key }) => key));
    if (keys.size > 1) marks.hit("victim in a cycle over several keys");
    if (body.cycle.some(({ ticketId }) => ledger.tickets.get(ticketId)?.convertOf !== undefined))
      marks.hit("victim in a cycle with a conversion");
    if (ticket.targets.length > 1) marks.hit("victim in a multi-key cycle");
    if (new Set(body.cycle.map(({ sessionId }) => sessionId)).size === 1)
      marks.hit(`victim among owners of one session`);
  }
  endTicket(ledger, ticket, revision);
}

/** Takes a ticket out of all queues. */
export function endTicket(ledger: Ledger, ticket: TicketRecord, revision: bigint): void {
  ticket.to = revision;
  ledger.sessions.get(ticket.sessionId)?.tickets.delete(ticket);
  for (const { key } of ticket.targets) ledger.keyOf(key).queue.delete(ticket);
}

function addTicket(ledger: Ledger, ticket: TicketRecord): void {
  ledger.tickets.set(ticket.id, ticket);
  ledger.sessions.get(ticket.sessionId)?.tickets.add(ticket);
  for (const { key } of ticket.targets) ledger.keyOf(key).queue.add(ticket);
}
