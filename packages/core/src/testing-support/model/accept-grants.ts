import { type Event, TicketEnd } from "@lockstep/protocol";
import { firstGrantable, fitsPolicies, inTheWay, newcomer } from "./conflicts.ts";
import { faultOfCircle } from "./deadlock.ts";
import { modeOf, targetsOf, termsOf } from "./describe.ts";
import { type Facts, type ModelTicket, must, type Target, type Terms } from "./facts.ts";
import { endsOf, startLimit } from "./limit.ts";
import { policyOf, sessionOf, spell } from "./lookups.ts";
import { type Body, contentOf, type Occasion } from "./occasion.ts";
import { notHeld } from "./predict-holds.ts";
import { lasting } from "./prediction.ts";

const WAIT_MS_MAX = 3_600_000;

/** Takes an event about waiting and granting into the facts; false when it is about something else. */
export function acceptGrant(facts: Facts, event: Event, occasion: Occasion): boolean {
  const { body } = event;
  if (body.case === "lockQueued") {
    const { targets, terms } = body.value;
    queued(facts, event, occasion, { ...body.value, targets, terms, holdId: 0n });
  } else if (body.case === "convertQueued") {
    const targets = body.value.target === undefined ? [] : [body.value.target];
    const owner = facts.holds.get(body.value.holdId)?.owner ?? "";
    queued(facts, event, occasion, { ...body.value, targets, owner });
  } else if (body.case === "lockGranted") granted(facts, event, body.value, occasion);
  else if (body.case === "holdConverted") converted(facts, event, body.value, occasion);
  else if (body.case === "ticketEnded") unqueued(facts, event, body.value, occasion);
  else return false;
  return true;
}

type Waiting = Pick<Body<"lockQueued">, "ticketId" | "sessionId" | "requestId" | "owner"> &
  Pick<Body<"lockQueued">, "targets" | "waitMs" | "deadlockPriority"> & {
    readonly holdId: bigint;
    readonly terms?: Body<"lockQueued">["terms"];
  };

function queued(facts: Facts, event: Event, occasion: Occasion, body: Waiting): void {
  const { call } = occasion;
  if (call?.kind !== "acquire" && call?.kind !== "convert")
    throw new Error("nobody wanted to wait");
  must(body.ticketId === event.revision, "a ticket has the id of its event");
  const targets = targetsOf(body.targets);
  const caps = targets.map(({ key }) => policyOf(facts, key).maxWaitMs || WAIT_MS_MAX);
  const waitMs = Math.min(call.waitMs, WAIT_MS_MAX, ...caps);
  must(Number(body.waitMs) === waitMs, "a wait is as long as it may be");
  must(body.deadlockPriority === call.priority, "a ticket has the priority of its request");
  const terms = termsOf(body.terms);
  if (call.kind === "acquire")
    must(same(terms, call.terms) && body.owner === call.owner, "a ticket keeps what was asked");
  const { ticketId: id, sessionId, requestId, owner, holdId } = body;
  const content = contentOf(occasion);
  const untilMs = occasion.nowMs + waitMs;
  const { priority } = call;
  facts.tickets.set(id, {
    id,
    sessionId,
    requestId,
    owner,
    targets,
    holdId,
    priority,
    terms,
    waitMs,
    content,
    untilMs,
  });
  sessionOf(facts, sessionId).outcomes.set(requestId, {
    content,
    says: "",
    ticketId: id,
    lasting: true,
  });
}

function granted(facts: Facts, event: Event, body: Body<"lockGranted">, occasion: Occasion): void {
  const { holdId, token, requestId, ticketId, owner } = body;
  const targets = targetsOf(body.targets);
  must(holdId === token && token === event.revision, "a token is the revision of its grant");
  noteGrant(facts, token, occasion.nowMs);
  if (body.transferredFrom === 0n) facts.pause = undefined;
  const session = sessionOf(facts, body.sessionId);
  must(session.life === "ACTIVE", "no ended session is granted anything");
  must(!facts.quarantined.has(session.principal), "no quarantined principal is granted anything");
  for (const { key } of targets)
    must(!facts.quarantinedKeys.has(key), "no quarantined key is granted");
  const ticket = ticketId === 0n ? undefined : turnOf(facts, ticketId, body.transferredFrom);
  if (ticket === undefined)
    must(inTheWay(facts, newcomer(facts, targets)).length === 0, "nobody barges");
  const { call } = occasion;
  const asked = ticket?.terms ?? (call?.kind === "acquire" ? call.terms : undefined);
  if (asked === undefined) throw new Error("nobody asked for this lock");
  if (ticket !== undefined) {
    must(ticket.sessionId === session.id && ticket.requestId === requestId, "a waiter is granted");
    must(ticket.owner === owner && spell(ticket.targets) === spell(targets), "as it asked");
    facts.tickets.delete(ticketId);
  }
  const terms = termsOf(body.terms);
  must(isWithin(terms, asked, facts, targets), "a hold is held under the terms it must have");
  const maxHold = terms.maxHoldMs > 0 ? startLimit(terms.maxHoldMs, occasion.nowMs) : undefined;
  facts.holds.set(holdId, {
    id: holdId,
    token,
    earlierTokens: [],
    sessionId: session.id,
    requestIds: [requestId],
    unwrittenIds: [],
    owner,
    targets,
    count: 1,
    terms,
    maxHold,
    askedRevision: 0n,
  });
  const says = `granted ${holdId} ${token} 1`;
  lasting(session, { requestId, content: ticket?.content ?? contentOf(occasion) }, says);
  if (call?.kind === "transfer" && body.transferredFrom > 0n)
    lasting(sessionOf(facts, call.sessionId), call, says);
}

/** The waiter that is granted. Only a transfer goes past those who stand before it, and keeps what is over a limit. */
function turnOf(facts: Facts, ticketId: bigint, transferredFrom: bigint): ModelTicket {
  const ticket = facts.tickets.get(ticketId);
  if (ticket === undefined) throw new Error(`ticket ${ticketId} does not wait`);
  if (transferredFrom > 0n) return ticket;
  const turn = firstGrantable(facts)?.id;
  must(turn === ticketId, `it is the turn of ticket ${turn}, not ${ticketId}`);
  return ticket;
}

function converted(
  facts: Facts,
  event: Event,
  body: Body<"holdConverted">,
  occasion: Occasion,
): void {
  const { holdId, token, requestId, ticketId, target } = body;
  const hold = facts.holds.get(holdId);
  if (hold === undefined || target === undefined) throw new Error(`hold ${holdId} is not live`);
  const ticket = ticketId === 0n ? undefined : turnOf(facts, ticketId, 0n);
  const mode = modeOf(target.mode);
  if (mode === "EXCLUSIVE") {
    must(token === event.revision, "a stronger hold has the revision as its new token");
    noteGrant(facts, token, occasion.nowMs);
    hold.earlierTokens.push(hold.token);
  } else must(token === hold.token, "a weaker hold keeps its token");
  hold.token = token;
  hold.targets = hold.targets.map((one) => (one.key === target.key ? { ...one, mode } : one));
  hold.requestIds.push(requestId);
  facts.tickets.delete(ticketId);
  const content = ticket?.content ?? contentOf(occasion);
  const says = `granted ${holdId} ${token} ${hold.count}`;
  lasting(sessionOf(facts, hold.sessionId), { requestId, content }, says);
}

function unqueued(facts: Facts, event: Event, body: Body<"ticketEnded">, occasion: Occasion): void {
  const ticket = facts.tickets.get(body.ticketId);
  if (ticket === undefined) throw new Error(`ticket ${body.ticketId} is not waiting`);
  const session = sessionOf(facts, ticket.sessionId);
  const end = TicketEnd[body.end];
  must(mayEnd(facts, ticket, body, occasion), `a wait may not end with ${end} here`);
  facts.tickets.delete(ticket.id);
  if (session.life !== "ACTIVE") return;
  const { requestId, content } = ticket;
  const { holdId, tokens } = { holdId: ticket.holdId, ...session.over.get(ticket.holdId) };
  const token = tokens?.at(-1) ?? 0n;
  const says = end === "HOLD_ENDED" ? notHeld(facts, session, { holdId, token }) : `denied ${end}`;
  lasting(session, { requestId, content }, says);
  if (occasion.call?.kind !== "cancel") return;
  lasting(session, { ...occasion.call, requestId: event.causeRequestId }, "cancel CANCELLED");
}

function mayEnd(
  facts: Facts,
  ticket: ModelTicket,
  { end, cycle }: Body<"ticketEnded">,
  { call, tick, nowMs }: Occasion,
): boolean {
  const { life, principal } = sessionOf(facts, ticket.sessionId);
  if ((end === TicketEnd.SESSION_ENDED) !== (life !== "ACTIVE")) return false;
  switch (end) {
    case TicketEnd.WAIT_TIMED_OUT:
      return tick && nowMs >= ticket.untilMs;
    case TicketEnd.CANCELLED:
      return call?.kind === "cancel" || (call?.kind === "release" && ticket.holdId === call.holdId);
    case TicketEnd.DEADLOCK_VICTIM: {
      const fault = faultOfCircle(
        facts,
        cycle.map(({ ticketId }) => ticketId),
        ticket.id,
      );
      must(fault === undefined, fault ?? "");
      return true;
    }
    case TicketEnd.KEY_QUARANTINED:
      return ticket.targets.some(({ key }) => facts.quarantinedKeys.has(key));
    case TicketEnd.IDENTITY_QUARANTINED:
      return facts.quarantined.has(principal);
    case TicketEnd.LIMIT_MISMATCH:
      return !fitsPolicies(facts, ticket.targets);
    case TicketEnd.HOLD_ENDED:
      return ticket.holdId > 0n && !facts.holds.has(ticket.holdId);
    default:
      return end === TicketEnd.SESSION_ENDED;
  }
}

function noteGrant(facts: Facts, token: bigint, nowMs: number): void {
  must(token > facts.highestToken, "tokens rise");
  if (facts.pause !== undefined)
    must(nowMs >= endsOf(facts.pause).fromMs, "no grant in the pause of a new lineage");
  facts.highestToken = token;
}

function isWithin(terms: Terms, asked: Terms, facts: Facts, targets: readonly Target[]): boolean {
  const policies = targets.map(({ key }) => policyOf(facts, key));
  const limits = [asked.maxHoldMs, ...policies.map(({ maxHoldMs }) => maxHoldMs)];
  const maxHoldMs = Math.min(...limits.filter((ms) => ms > 0), Number.MAX_SAFE_INTEGER);
  const delayMs = Math.max(asked.delayMs, ...policies.map(({ lockDelayMs }) => lockDelayMs));
  const expected = {
    maxHoldMs: maxHoldMs === Number.MAX_SAFE_INTEGER ? 0 : maxHoldMs,
    onLoss: asked.onLoss === "RELEASE" && delayMs > 0 ? ("DELAY" as const) : asked.onLoss,
    delayMs,
    value: asked.value,
  };
  return (
    same(terms, expected) ||
    (asked.onLoss === "QUARANTINE" && same(terms, { ...expected, delayMs: 0 }))
  );
}

function same(one: Terms, other: Terms): boolean {
  const spelt = ({ maxHoldMs, onLoss, delayMs, value }: Terms) =>
    JSON.stringify([maxHoldMs, onLoss, delayMs, value]);
  return spelt(one) === spelt(other);
}
