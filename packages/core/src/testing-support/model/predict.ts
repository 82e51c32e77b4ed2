import type { Call } from "./calls.ts";
import {
  delaysOf,
  endOf,
  type Facts,
  holderOf,
  keptOutcome,
  type ModelSession,
  queueOf,
  unanswered,
} from "./facts.ts";

/** What a call must answer and which events it must make, grants to waiters apart. */
export interface Prediction {
  readonly says: string;
  readonly events: readonly string[];
}

export const MODEL_LIMITS = { max_unanswered: 10, max_waiters_per_key: 3 } as const;

/** What the model sees of the moment beside its facts. */
export interface Moment {
  readonly nowMs: number;
  readonly durableRevision: bigint;
  /** The revision before the call. */
  readonly revision: bigint;
}

const refuse = (reason: string): Prediction => ({ says: `refused ${reason}`, events: [] });
const say = (says: string, ...events: string[]): Prediction => ({ says, events });

/** Says what the contract demands of a call, and takes note of what it tells that makes no event. */
export function predict(facts: Facts, call: Call, moment: Moment): Prediction {
  if (call.kind === "open") return predictOpen(facts, call);
  if (call.kind === "forceRelease") return predictForceRelease(facts, call, moment);
  if (call.kind === "checkFence") return predictCheckFence(facts, call, moment);
  const session = facts.sessions.get(call.sessionId);
  if (session === undefined) return refuse("SESSION_UNKNOWN");
  if (session.life !== "ACTIVE") {
    if (call.kind === "release") return predictRelease(facts, session, call);
    if (call.kind === "close") return say(`closed ${session.life}`, ...unblocked(facts, session));
    return refuse(`SESSION_${session.life}`);
  }
  if (call.kind === "keepAlive" && call.seen > moment.durableRevision)
    return refuse("INVALID_FIELD");
  for (const id of call.answered) session.answered.add(id);
  if (call.kind === "keepAlive") return predictKeepAlive(facts, session, call, moment);
  const earlier = keptOutcome(session, call.requestId);
  if (earlier !== undefined) {
    const anyAcquire = earlier.content === "" && call.kind === "acquire";
    if (!anyAcquire && earlier.content !== call.content) return refuse("REQUEST_ID_REUSED");
    return say(earlier.ticketId === 0n ? earlier.says : `waiting ${earlier.ticketId}`);
  }
  if (session.answered.has(call.requestId)) return refuse("REQUEST_ID_ANSWERED");
  switch (call.kind) {
    case "acquire":
      return predictAcquire(facts, session, call, moment);
    case "release":
      return predictRelease(facts, session, call);
    case "cancel":
      return predictCancel(session, call);
    case "close":
      return predictClose(facts, session);
  }
}

function predictOpen(facts: Facts, call: Call & { kind: "open" }): Prediction {
  const known = [...facts.sessions.values()].find(({ secret }) => secret === call.secret);
  if (known === undefined) return say("session new", "opened");
  return known.life === "ACTIVE" ? say(`session ${known.id}`) : refuse(`SESSION_${known.life}`);
}

function predictKeepAlive(
  facts: Facts,
  session: ModelSession,
  { seen }: Call & { kind: "keepAlive" },
  { nowMs, durableRevision }: Moment,
): Prediction {
  session.renewedAtMs = nowMs;
  const told = session.losses.filter((revision) => revision <= durableRevision).at(-1) ?? 0n;
  const events: string[] = [];
  for (const delay of facts.delays.values()) {
    if (delay.hold.sessionId !== session.id) continue;
    if (delay.lossRevision <= seen) events.push(`unblocked ${delay.hold.id} CONFIRMED`);
    else if (delay.lossRevision > durableRevision) delay.sinceMs = nowMs;
  }
  return say(`alive ${told}`, ...events);
}

function predictAcquire(
  facts: Facts,
  session: ModelSession,
  call: Call & { kind: "acquire" },
  { nowMs }: Moment,
): Prediction {
  if (unanswered(session) >= MODEL_LIMITS.max_unanswered) return refuse("LIMIT_EXCEEDED");
  const { key, owner, waitMs, requestId, content } = call;
  const deny = (reason: string): Prediction => {
    const says = `denied ${reason}`;
    session.outcomes.set(requestId, { content, says, ticketId: 0n, lasting: false });
    return say(says);
  };
  const holder = holderOf(facts, key);
  const [delayed, queue] = [delaysOf(facts, key).length > 0, queueOf(facts, key)];
  if (owner !== "") {
    if (holder?.sessionId === session.id && holder.owner === owner) return deny("REENTRANCY");
    const waits = [...facts.tickets.values()].some(
      (ticket) => ticket.sessionId === session.id && ticket.owner === owner,
    );
    if (waits) return deny("OWNER_BUSY");
  }
  const paused = nowMs < facts.pausedUntilMs;
  if (holder === undefined && !delayed && queue.length === 0 && !paused)
    return say("granted new", `granted ${session.id} ${requestId} ${key}`);
  if (waitMs > 0) {
    if (queue.length >= MODEL_LIMITS.max_waiters_per_key) return deny("QUEUE_FULL");
    return say("waiting new", `queued ${session.id} ${requestId} ${key}`);
  }
  const taken = holder !== undefined || (!delayed && queue.length > 0);
  return deny(taken ? "CONTENDED" : "LOCK_DELAY");
}

function predictRelease(
  facts: Facts,
  session: ModelSession,
  { holdId, token, requestId, content }: Call & { kind: "release" },
): Prediction {
  const held = facts.holds.get(holdId);
  if (held?.sessionId === session.id && held.id === token)
    return say("release RELEASED", `released ${holdId}`);
  const over = holdId === token ? session.over.get(holdId) : undefined;
  const says =
    over === undefined
      ? "release NOT_HOLDER"
      : over.how === "RELEASED"
        ? "release ALREADY_RELEASED"
        : `release LOST ${over.how}`;
  if (over !== undefined && facts.delays.has(holdId))
    return say(says, `unblocked ${holdId} CONFIRMED`);
  keepWithoutEvent(session, requestId, content, says);
  return say(says);
}

function predictCancel(session: ModelSession, call: Call & { kind: "cancel" }): Prediction {
  const { acquireRequestId, requestId, content } = call;
  const acquire = keptOutcome(session, acquireRequestId);
  const answer = (says: string) => {
    keepWithoutEvent(session, requestId, content, says);
    return say(says);
  };
  if (acquire === undefined) {
    if (session.answered.has(acquireRequestId)) return answer("cancel UNKNOWN_REQUEST");
    if (unanswered(session) >= 2 * MODEL_LIMITS.max_unanswered) return refuse("LIMIT_EXCEEDED");
    return say("cancel UNKNOWN_REQUEST", `refused-later ${session.id} ${acquireRequestId}`);
  }
  if (acquire.ticketId !== 0n)
    return say("cancel CANCELLED", `unqueued ${acquire.ticketId} CANCELLED`);
  if (acquire.holdId !== undefined) return answer(`cancel ALREADY_GRANTED ${acquire.holdId}`);
  if (acquire.content === "") return answer("cancel UNKNOWN_REQUEST");
  return acquire.says.startsWith("denied") ? answer("cancel CANCELLED") : refuse("INVALID_FIELD");
}

function predictClose(facts: Facts, session: ModelSession): Prediction {
  const events = [`ended ${session.id} CLOSED`];
  for (const { id, sessionId } of facts.tickets.values())
    if (sessionId === session.id) events.push(`unqueued ${id} SESSION_ENDED`);
  for (const { id, sessionId } of facts.holds.values())
    if (sessionId === session.id) events.push(`released ${id}`);
  return say("closed CLOSED", ...events, ...unblocked(facts, session));
}

function unblocked(facts: Facts, session: ModelSession): string[] {
  return [...facts.delays.values()]
    .filter(({ hold }) => hold.sessionId === session.id)
    .map(({ hold }) => `unblocked ${hold.id} CONFIRMED`);
}

function predictForceRelease(
  facts: Facts,
  { key, token }: Call & { kind: "forceRelease" },
  { nowMs }: Moment,
): Prediction {
  const done = (remainingMs: number) => `forced ${token} ${Math.max(0, Math.ceil(remainingMs))}`;
  const holder = holderOf(facts, key);
  if (holder?.id === token) {
    const session = facts.sessions.get(holder.sessionId) as ModelSession;
    const remainingMs = session.renewedAtMs + session.ttlMs - nowMs;
    return say(done(remainingMs), `lost ${token} FORCE_RELEASED true`);
  }
  const delay = facts.delays.get(token);
  if (delay?.hold.key === key) return say(done(endOf(delay) - nowMs));
  for (const { over } of facts.sessions.values()) {
    const before = over.get(token);
    if (before?.how === "FORCE_RELEASED" && before.key === key) return say(done(0));
  }
  return refuse(`TOKEN_MISMATCH ${holder?.id ?? 0n}`);
}

function predictCheckFence(
  facts: Facts,
  { key, token }: Call & { kind: "checkFence" },
  { revision }: Moment,
): Prediction {
  if (holderOf(facts, key)?.id === token) return say("fence CURRENT");
  return say(token > revision ? "fence UNKNOWN" : "fence STALE");
}

function keepWithoutEvent(
  session: ModelSession,
  requestId: bigint,
  content: string,
  says: string,
): void {
  if (session.life !== "ACTIVE") return;
  if (unanswered(session) >= 2 * MODEL_LIMITS.max_unanswered) return;
  session.outcomes.set(requestId, { content, says, ticketId: 0n, lasting: false });
}
