import type { CallOf } from "./calls.ts";
import type { Facts, ModelSession } from "./facts.ts";
import { paused, spell } from "./lookups.ts";
import { answerAndKeep, isFull, type Moment, type Prediction, refuse, say } from "./prediction.ts";

export function predictRelease(
  facts: Facts,
  session: ModelSession,
  call: CallOf<"release">,
): Prediction {
  const { holdId, token } = call;
  const held = facts.holds.get(holdId);
  if (held?.sessionId === session.id && [held.token, ...held.earlierTokens].includes(token)) {
    if (held.count > 1)
      return say(`release STILL_HELD ${held.count - 1}`, `counted ${holdId} ${held.count - 1}`);
    const converts = [...facts.tickets.values()].filter((ticket) => ticket.holdId === holdId);
    const ends = converts.map(({ id }) => `unqueued ${id}`);
    return say("release RELEASED", `released ${holdId}`, ...ends);
  }
  const over = session.over.get(holdId);
  if (over === undefined || !over.tokens.includes(token))
    return answerAndKeep(session, call, "release NOT_HOLDER");
  const isLost = over.how !== "RELEASED" && over.how !== "TRANSFERRED";
  const says = isLost ? `release LOST ${over.how}` : "release ALREADY_RELEASED";
  if (facts.delays.get(holdId)?.hold.count === 1) return say(says, `unblocked ${holdId}`);
  return answerAndKeep(session, call, says);
}

export function predictTransfer(
  facts: Facts,
  session: ModelSession,
  call: CallOf<"transfer">,
  { nowMs }: Moment,
): Prediction[] {
  if (isFull(session)) return [refuse("LIMIT_EXCEEDED")];
  const hold = facts.holds.get(call.holdId);
  if (hold?.sessionId !== session.id || hold.token !== call.token)
    return [answerAndKeep(session, call, notHeld(facts, session, call))];
  const waiter = [...facts.tickets.values()].find(
    (ticket) =>
      ticket.holdId === 0n &&
      ticket.sessionId === call.toSessionId &&
      ticket.requestId === call.toRequestId &&
      spell(ticket.targets) === spell(hold.targets),
  );
  if (waiter === undefined) return [answerAndKeep(session, call, "denied NO_SUCH_WAITER")];
  const { sessionId, requestId, targets } = waiter;
  const granted = say(
    "granted new new 1",
    `transferred ${hold.id} ${sessionId} ${requestId}`,
    `granted ${sessionId} ${requestId} ${spell(targets)}`,
  );
  const pause = paused(facts, nowMs);
  if (pause === "no") return [granted];
  const denied = answerAndKeep(session, call, "denied LOCK_DELAY");
  return pause === "yes" ? [denied] : [granted, denied];
}

export function predictSetValue(
  facts: Facts,
  session: ModelSession,
  call: CallOf<"setValue">,
): Prediction {
  if (isFull(session)) return refuse("LIMIT_EXCEEDED");
  const hold = facts.holds.get(call.holdId);
  if (hold?.sessionId === session.id && hold.token === call.token)
    return say("set", `value ${hold.id} ${call.value}`);
  return answerAndKeep(session, call, notHeld(facts, session, call));
}

/** What became of a hold that is not held with this token. */
export function notHeld(
  facts: Facts,
  session: ModelSession,
  { holdId, token }: { holdId: bigint; token: bigint },
): string {
  const over = session.over.get(holdId);
  if (facts.holds.has(holdId) || over === undefined || !over.tokens.includes(token))
    return "not-held UNKNOWN";
  const isLost = over.how !== "RELEASED" && over.how !== "TRANSFERRED";
  return isLost ? `not-held LOST ${over.how}` : `not-held ${over.how}`;
}
