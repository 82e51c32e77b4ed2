import { DelayEndCause, type Event, LossReason, SessionState, TicketEnd } from "@lockstep/protocol";
import { delaysOf, endOf, type Facts, holderOf, type ModelSession, queueOf } from "./facts.ts";

/** What an event meets: a call that must make it, or a tick that may. */
export interface Occasion {
  readonly tick: boolean;
  readonly nowMs: number;
  readonly durableRevision: bigint;
  /** The content of the call, for the outcome that is kept. */
  readonly content: string;
  /** Of a session that is opened. */
  readonly secret: number;
}

type Body<C extends string> = Extract<Event["body"], { case: C }>["value"];

const FORGET_MS = 3_600_000;

/** An event in one line, with what the contract says of it. */
export function describeEvent({ body }: Event): string {
  switch (body.case) {
    case "sessionOpened":
      return "opened";
    case "sessionEnded":
      return `ended ${body.value.sessionId} ${SessionState[body.value.state]}`;
    case "lockQueued":
      return `queued ${body.value.sessionId} ${body.value.requestId} ${body.value.targets[0]?.key}`;
    case "lockGranted":
      return `granted ${body.value.sessionId} ${body.value.requestId} ${body.value.targets[0]?.key}`;
    case "ticketEnded":
      return `unqueued ${body.value.ticketId} ${TicketEnd[body.value.end]}`;
    case "acquireRefused":
      return `refused-later ${body.value.sessionId} ${body.value.acquireRequestId}`;
    case "lockReleased":
      return `released ${body.value.holdId}`;
    case "lockLost":
      return `lost ${body.value.holdId} ${LossReason[body.value.reason]} ${body.value.delayed}`;
    case "delayEnded":
      return `unblocked ${body.value.holdId} ${DelayEndCause[body.value.cause]}`;
    default:
      return String(body.case);
  }
}

/** Takes an event into the facts, and throws when the contract does not allow it here and now. */
export function accept(facts: Facts, event: Event, occasion: Occasion): void {
  const { body } = event;
  switch (body.case) {
    case "sessionOpened":
      opened(facts, event, body.value, occasion);
      break;
    case "sessionEnded":
      ended(facts, body.value, occasion);
      break;
    case "sessionForgotten":
      forgotten(facts, body.value, occasion);
      break;
    case "lockQueued":
      queued(facts, event, body.value, occasion);
      break;
    case "lockGranted":
      granted(facts, event, body.value, occasion);
      break;
    case "ticketEnded":
      unqueued(facts, event, body.value, occasion);
      break;
    case "acquireRefused":
      refusedLater(facts, event, body.value, occasion);
      break;
    case "lockReleased":
      released(facts, event, body.value, occasion);
      break;
    case "lockLost":
      lost(facts, event, body.value);
      break;
    case "delayProgressed":
      progressed(facts, body.value, occasion);
      break;
    case "delayEnded":
      unblocked(facts, event, body.value, occasion);
      break;
    default:
      throw new Error(`nothing makes the event ${body.case}`);
  }
}

function opened(facts: Facts, event: Event, body: Body<"sessionOpened">, occasion: Occasion): void {
  must(body.sessionId === event.revision, "a session has the id of its event");
  facts.sessions.set(body.sessionId, {
    id: body.sessionId,
    secret: occasion.secret,
    ttlMs: Number(body.ttlMs),
    life: "ACTIVE",
    endedAtMs: 0,
    renewedAtMs: occasion.nowMs,
    losses: [],
    outcomes: new Map(),
    answered: new Set(),
    over: new Map(),
  });
}

function ended(facts: Facts, body: Body<"sessionEnded">, { tick, nowMs }: Occasion): void {
  const session = sessionOf(facts, body.sessionId);
  must(session.life === "ACTIVE", "a session ends once");
  if (tick) must(nowMs >= session.renewedAtMs + session.ttlMs, "no session expires early");
  session.life = tick ? "EXPIRED" : "CLOSED";
  must(SessionState[body.state] === session.life, "a session ends as it says");
  session.endedAtMs = nowMs;
  session.outcomes.clear();
}

function forgotten(facts: Facts, body: Body<"sessionForgotten">, { nowMs }: Occasion): void {
  const session = sessionOf(facts, body.sessionId);
  must(session.life !== "ACTIVE", "a live session is not forgotten");
  must(nowMs >= session.endedAtMs + FORGET_MS, "an ended session is known for an hour");
  for (const { hold } of facts.delays.values())
    must(hold.sessionId !== session.id, "a session is known while its delay runs");
  facts.sessions.delete(session.id);
}

function queued(facts: Facts, event: Event, body: Body<"lockQueued">, occasion: Occasion): void {
  const { ticketId, requestId, owner } = body;
  must(ticketId === event.revision, "a ticket has the id of its event");
  const session = sessionOf(facts, body.sessionId);
  const { content } = occasion;
  const waitMs = Number(body.waitMs);
  facts.tickets.set(ticketId, {
    id: ticketId,
    sessionId: session.id,
    requestId,
    owner,
    key: keyOf(body),
    waitMs,
    content,
    untilMs: occasion.nowMs + waitMs,
  });
  session.outcomes.set(requestId, { content, says: "", ticketId, lasting: true });
}

function granted(facts: Facts, event: Event, body: Body<"lockGranted">, occasion: Occasion): void {
  const { holdId, token, requestId, owner, ticketId } = body;
  const key = keyOf(body);
  must(holdId === token && token === event.revision, "a token is the revision of its grant");
  must(token > facts.highestToken, "tokens rise");
  must(holderOf(facts, key) === undefined, "one live hold at most");
  must(delaysOf(facts, key).length === 0, "no grant while a lost hold blocks the key");
  must(occasion.nowMs >= facts.pausedUntilMs, "no grant in the pause of a new lineage");
  const session = sessionOf(facts, body.sessionId);
  must(session.life === "ACTIVE", "no ended session is granted anything");
  const [first] = queueOf(facts, key);
  must((first?.id ?? 0n) === ticketId, "nobody barges");
  if (first !== undefined) {
    must(first.sessionId === session.id && first.requestId === requestId, "a waiter is granted");
    facts.tickets.delete(ticketId);
  }
  facts.highestToken = token;
  facts.pauseMs = 0;
  facts.holds.set(holdId, { id: holdId, sessionId: session.id, requestId, owner, key });
  session.outcomes.set(requestId, {
    content: first?.content ?? occasion.content,
    says: `granted ${holdId}`,
    ticketId: 0n,
    holdId,
    lasting: true,
  });
}

function unqueued(facts: Facts, event: Event, body: Body<"ticketEnded">, occasion: Occasion): void {
  const ticket = facts.tickets.get(body.ticketId);
  if (ticket === undefined) throw new Error(`ticket ${body.ticketId} is not waiting`);
  const timedOut = body.end === TicketEnd.WAIT_TIMED_OUT;
  if (timedOut) must(occasion.nowMs >= ticket.untilMs, "no wait ends early");
  facts.tickets.delete(ticket.id);
  const session = sessionOf(facts, ticket.sessionId);
  must(
    (body.end === TicketEnd.SESSION_ENDED) === (session.life !== "ACTIVE"),
    "a wait ends as said",
  );
  if (session.life !== "ACTIVE") return;
  const says = timedOut ? "denied WAIT_TIMED_OUT" : "denied CANCELLED";
  const { requestId, content } = ticket;
  session.outcomes.set(requestId, { content, says, ticketId: 0n, lasting: true });
  if (!timedOut) lasting(session, event.causeRequestId, occasion.content, "cancel CANCELLED");
}

function refusedLater(
  facts: Facts,
  event: Event,
  body: Body<"acquireRefused">,
  { content }: Occasion,
): void {
  const session = sessionOf(facts, body.sessionId);
  lasting(session, body.acquireRequestId, "", "denied CANCELLED");
  lasting(session, event.causeRequestId, content, "cancel UNKNOWN_REQUEST");
}

function released(
  facts: Facts,
  event: Event,
  body: Body<"lockReleased">,
  { content }: Occasion,
): void {
  const session = endHold(facts, body.holdId, "RELEASED");
  if (session.life === "ACTIVE")
    lasting(session, event.causeRequestId, content, "release RELEASED");
}

function lost(facts: Facts, event: Event, body: Body<"lockLost">): void {
  const hold = facts.holds.get(body.holdId);
  if (hold === undefined) throw new Error(`hold ${body.holdId} is not live`);
  const session = endHold(facts, body.holdId, LossReason[body.reason] ?? "");
  if (session.life === "ACTIVE") session.losses.push(event.revision);
  must(body.delayed === (body.reason !== LossReason.SESSION_EXPIRED), "only expiry frees at once");
  must(body.delayed || session.life === "EXPIRED", "a hold expires with its session");
  if (!body.delayed) return;
  facts.delays.set(hold.id, {
    hold,
    lossRevision: event.revision,
    ttlMs: session.ttlMs,
    sinceMs: session.renewedAtMs,
    usedBeforeMs: 0,
    writtenMs: 0,
  });
}

function progressed(facts: Facts, body: Body<"delayProgressed">, occasion: Occasion): void {
  const delay = facts.delays.get(body.holdId);
  if (delay === undefined) throw new Error(`hold ${body.holdId} blocks nothing`);
  const usedMs = Number(body.consumedMs);
  must(delay.lossRevision <= occasion.durableRevision, "only a durable loss uses up its delay");
  must(usedMs > delay.writtenMs, "used time rises");
  must(usedMs <= delay.usedBeforeMs + occasion.nowMs - delay.sinceMs, "no time is used twice");
  delay.writtenMs = usedMs;
}

function unblocked(facts: Facts, event: Event, body: Body<"delayEnded">, occasion: Occasion): void {
  const delay = facts.delays.get(body.holdId);
  if (delay === undefined) throw new Error(`hold ${body.holdId} blocks nothing`);
  const elapsed = body.cause === DelayEndCause.ELAPSED;
  must(elapsed === occasion.tick, "only a tick ends a delay by itself");
  if (elapsed) must(occasion.nowMs >= endOf(delay), "no delay ends early");
  facts.delays.delete(body.holdId);
  const session = sessionOf(facts, delay.hold.sessionId);
  if (session.life !== "ACTIVE" || event.causeRequestId === 0n) return;
  const how = session.over.get(body.holdId)?.how;
  lasting(session, event.causeRequestId, occasion.content, `release LOST ${how}`);
}

function endHold(facts: Facts, holdId: bigint, how: string): ModelSession {
  const hold = facts.holds.get(holdId);
  if (hold === undefined) throw new Error(`hold ${holdId} is not live`);
  facts.holds.delete(holdId);
  const session = sessionOf(facts, hold.sessionId);
  session.over.set(holdId, { key: hold.key, how });
  return session;
}

function lasting(session: ModelSession, id: bigint, content: string, says: string): void {
  session.outcomes.set(id, { content, says, ticketId: 0n, lasting: true });
}

function sessionOf(facts: Facts, sessionId: bigint): ModelSession {
  const session = facts.sessions.get(sessionId);
  if (session === undefined) throw new Error(`session ${sessionId} is not known`);
  return session;
}

function keyOf({ targets }: { targets: { key: string }[] }): string {
  return targets[0]?.key ?? "";
}

/** Throws when a rule of the contract is broken. */
export function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`broken: ${rule}`);
}
