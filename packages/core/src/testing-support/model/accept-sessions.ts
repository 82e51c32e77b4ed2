import { type Event, SessionState } from "@lockstep/protocol";
import { type Facts, must } from "./facts.ts";
import { sessionOf } from "./lookups.ts";
import { type Body, contentOf, type Occasion } from "./occasion.ts";
import { lasting } from "./prediction.ts";

const FORGET_MS = 3_600_000;

/** Takes an event about a session into the facts; false when it is about something else. */
export function acceptSession(facts: Facts, event: Event, occasion: Occasion): boolean {
  const { body } = event;
  if (body.case === "sessionOpened") opened(facts, event, body.value, occasion);
  else if (body.case === "sessionEnded") ended(facts, body.value, occasion);
  else if (body.case === "sessionForgotten") forgotten(facts, body.value, occasion);
  else if (body.case === "acquireRefused") refusedLater(facts, event, body.value, occasion);
  else return false;
  return true;
}

function opened(
  facts: Facts,
  event: Event,
  body: Body<"sessionOpened">,
  { call, nowMs }: Occasion,
): void {
  if (call?.kind !== "open") throw new Error("only an Open opens a session");
  must(body.sessionId === event.revision, "a session has the id of its event");
  must(Number(body.ttlMs) === call.ttlMs, "a session has the time to live it asked for");
  facts.sessions.set(body.sessionId, {
    id: body.sessionId,
    secret: call.secret,
    principal: call.principal,
    ttlMs: call.ttlMs,
    life: "ACTIVE",
    endedAtMs: 0,
    renewedAtMs: nowMs,
    news: [],
    outcomes: new Map(),
    answered: new Set(),
    lastingAnswered: new Set(),
    over: new Map(),
  });
}

function ended(facts: Facts, body: Body<"sessionEnded">, { call, tick, nowMs }: Occasion): void {
  const session = sessionOf(facts, body.sessionId);
  must(session.life === "ACTIVE", "a session ends once");
  if (tick) must(nowMs >= session.renewedAtMs + session.ttlMs, "no session expires early");
  session.life = tick ? "EXPIRED" : call?.kind === "revoke" ? "REVOKED" : "CLOSED";
  must(SessionState[body.state] === session.life, "a session ends as it says");
  session.endedAtMs = nowMs;
  session.outcomes.clear();
  if (session.life === "CLOSED") return;
  // Nobody need remember what is lost while nobody counts.
  const stale = facts.settings.afterLosses === 0;
  facts.lostSessions.push({ principal: session.principal, atMs: nowMs, stale });
}

function forgotten(facts: Facts, body: Body<"sessionForgotten">, { nowMs }: Occasion): void {
  const session = sessionOf(facts, body.sessionId);
  must(session.life !== "ACTIVE", "a live session is not forgotten");
  must(nowMs >= session.endedAtMs + FORGET_MS, "an ended session is known for an hour");
  for (const { hold } of facts.delays.values())
    must(hold.sessionId !== session.id, "a session is known while its delay runs");
  facts.sessions.delete(session.id);
}

function refusedLater(
  facts: Facts,
  event: Event,
  body: Body<"acquireRefused">,
  occasion: Occasion,
): void {
  const session = sessionOf(facts, body.sessionId);
  const { causeRequestId: requestId } = event;
  lasting(session, { requestId: body.acquireRequestId, content: "" }, "denied CANCELLED");
  lasting(session, { requestId, content: contentOf(occasion) }, "cancel UNKNOWN_REQUEST");
}
