import type { Call, CallOf } from "./calls.ts";
import type { Facts, ModelSession } from "./facts.ts";
import { endsOf } from "./limit.ts";
import { keptOutcome, partsOf, unanswered } from "./lookups.ts";
import { predictAdmin } from "./predict-admin.ts";
import { predictAcquire, predictConvert } from "./predict-grants.ts";
import { predictRelease, predictSetValue, predictTransfer } from "./predict-holds.ts";
import {
  answerAndKeep,
  MODEL_LIMITS,
  type Moment,
  type Prediction,
  refuse,
  repeated,
  say,
} from "./prediction.ts";

/**
 * Says what the contract demands of a call, mostly one thing, and takes note of what the call tells that makes
 * no event.
 */
export function predict(facts: Facts, call: Call, moment: Moment): Prediction[] {
  if (call.kind === "open") return [predictOpen(facts, call)];
  if (!("answered" in call)) return predictAdmin(facts, call, moment);
  const session = facts.sessions.get(call.sessionId);
  if (session === undefined) return [refuse("SESSION_UNKNOWN")];
  if (session.life !== "ACTIVE") {
    if (call.kind === "release") return [predictRelease(facts, session, call)];
    if (call.kind === "close") return [say(`closed ${session.life}`, ...unblocked(facts, session))];
    return [refuse(`SESSION_${session.life}`)];
  }
  if (call.kind === "keepAlive" && call.seen > moment.durableRevision)
    return [refuse("INVALID_FIELD")];
  for (const id of call.answered) session.answered.add(id);
  if (call.kind === "keepAlive") return [predictKeepAlive(facts, session, call, moment)];
  const waits = call.kind === "acquire" || call.kind === "convert";
  const earlier = repeated(session, call, waits);
  if (earlier !== undefined) return [earlier];
  switch (call.kind) {
    case "acquire":
      return predictAcquire(facts, session, call, moment);
    case "convert":
      return predictConvert(facts, session, call, moment);
    case "release":
      return [predictRelease(facts, session, call)];
    case "transfer":
      return predictTransfer(facts, session, call, moment);
    case "setValue":
      return [predictSetValue(facts, session, call)];
    case "cancel":
      return predictCancel(session, call);
    case "close":
      return [predictClose(facts, session)];
  }
}

function predictOpen(facts: Facts, call: CallOf<"open">): Prediction {
  const known = [...facts.sessions.values()].find(({ secret }) => secret === call.secret);
  if (known === undefined) return say("session new", "opened");
  return known.life === "ACTIVE" ? say(`session ${known.id}`) : refuse(`SESSION_${known.life}`);
}

function predictKeepAlive(
  facts: Facts,
  session: ModelSession,
  { seen }: CallOf<"keepAlive">,
  { nowMs, durableRevision }: Moment,
): Prediction {
  session.renewedAtMs = nowMs;
  const told = session.news.filter((revision) => revision <= durableRevision).at(-1) ?? 0n;
  const [events, optional]: [string[], string[]] = [[], []];
  for (const delay of facts.delays.values()) {
    const { hold, confirm, lossRevision } = delay;
    if (hold.sessionId !== session.id || confirm === undefined) continue;
    if (lossRevision > durableRevision) {
      confirm.sinceMs = nowMs;
      confirm.usedAtMostMs = 0;
    }
    if (lossRevision > seen) continue;
    delay.confirmed = true;
    const rest = partsOf(delay).map(endsOf);
    // A delay whose time has passed besides may end now, or by the next tick.
    if (rest.length === 0) events.push(`unblocked ${hold.id}`);
    else if (rest.every(({ fromMs }) => fromMs <= nowMs)) optional.push(`unblocked ${hold.id}`);
  }
  return { ...say(`alive ${told}`, ...events), optional };
}

function predictCancel(session: ModelSession, call: CallOf<"cancel">): Prediction[] {
  const { acquireRequestId } = call;
  const acquire = keptOutcome(session, acquireRequestId);
  const answer = (says: string) => [answerAndKeep(session, call, says)];
  if (acquire === undefined) {
    if (session.answered.has(acquireRequestId)) return answer("cancel UNKNOWN_REQUEST");
    if (unanswered(session) >= 2 * MODEL_LIMITS.max_unanswered) return [refuse("LIMIT_EXCEEDED")];
    return [say("cancel UNKNOWN_REQUEST", `refused-later ${session.id} ${acquireRequestId}`)];
  }
  if (acquire.ticketId !== 0n) return [say("cancel CANCELLED", `unqueued ${acquire.ticketId}`)];
  if (acquire.content === "") return answer("cancel UNKNOWN_REQUEST");
  const granted = /^granted .*/.exec(acquire.says)?.[0];
  if (/^(acquire|convert)/.test(acquire.content))
    return answer(granted === undefined ? "cancel CANCELLED" : `cancel ALREADY_GRANTED ${granted}`);
  // What cannot be cancelled is refused; a server need not tell what was denied from what was cancelled.
  const refused = refuse("INVALID_FIELD");
  return /^(denied|not-held)/.test(acquire.says)
    ? [refused, ...answer("cancel CANCELLED")]
    : [refused];
}

function predictClose(facts: Facts, session: ModelSession): Prediction {
  return say("closed CLOSED", ...ending(facts, session), ...unblocked(facts, session));
}

/** What the end of a session must bring with it for holds and tickets. */
function ending(facts: Facts, session: ModelSession): string[] {
  const events = [`ended ${session.id}`];
  for (const { id, sessionId } of facts.tickets.values())
    if (sessionId === session.id) events.push(`unqueued ${id}`);
  for (const { id, sessionId } of facts.holds.values())
    if (sessionId === session.id) events.push(`released ${id}`);
  return events;
}

function unblocked(facts: Facts, session: ModelSession): string[] {
  return [...facts.delays.values()]
    .filter(({ hold }) => hold.sessionId === session.id)
    .map(({ hold }) => `unblocked ${hold.id}`);
}
