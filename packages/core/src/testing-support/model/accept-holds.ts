import { DelayEndCause, type Event, LossReason } from "@lockstep/protocol";
import { textOf } from "./describe.ts";
import { type Facts, type ModelHold, type ModelSession, must } from "./facts.ts";
import { endsOf, startLimit } from "./limit.ts";
import { delayEnds, sessionOf } from "./lookups.ts";
import { type Body, contentOf, type Occasion } from "./occasion.ts";
import { lasting } from "./prediction.ts";

/** Takes an event about a hold into the facts; false when it is about something else. */
export function acceptHold(facts: Facts, event: Event, occasion: Occasion): boolean {
  const { body } = event;
  if (body.case === "lockReleased") released(facts, event, body.value, occasion);
  else if (body.case === "lockLost") lost(facts, event, body.value, occasion);
  else if (body.case === "delayEnded") unblocked(facts, event, body.value, occasion);
  else if (body.case === "holdCountChanged") counted(facts, event, body.value, occasion);
  else if (body.case === "holdTransferred") endHold(facts, body.value.holdId, "TRANSFERRED");
  else if (body.case === "holdValueSet") valueSet(facts, event, body.value, occasion);
  else if (body.case === "releaseRequested") asked(facts, event, body.value);
  else return false;
  return true;
}

function released(
  facts: Facts,
  event: Event,
  body: Body<"lockReleased">,
  occasion: Occasion,
): void {
  const { session } = endHold(facts, body.holdId, "RELEASED");
  if (occasion.call?.kind !== "release" || session.life !== "ACTIVE") return;
  const asked = { requestId: event.causeRequestId, content: contentOf(occasion) };
  lasting(session, asked, "release RELEASED");
}

function lost(facts: Facts, event: Event, body: Body<"lockLost">, occasion: Occasion): void {
  const reason = LossReason[body.reason] ?? "";
  const { hold, session } = endHold(facts, body.holdId, reason);
  must(body.token === hold.token, "a loss names the token");
  must(mayBeLost(hold, session, body.reason, occasion), `no hold is lost by ${reason} here`);
  if (session.life === "ACTIVE") session.news.push(event.revision);
  const { terms } = hold;
  const expired = body.reason === LossReason.SESSION_EXPIRED;
  must(body.delayed === (!expired && !body.immediate), "a client that may believe is waited for");
  const lockDelayMs = body.immediate ? 0 : terms.delayMs;
  must(Number(body.lockDelayMs) === lockDelayMs, "a loss has the delay the hold was taken with");
  must(body.quarantined === (terms.onLoss === "QUARANTINE"), "a loss quarantines as it was asked");
  if (body.quarantined)
    for (const { key } of hold.targets)
      facts.quarantinedKeys.set(key, { revision: event.revision, automatic: true });
  if (!body.delayed && lockDelayMs === 0) return;
  facts.delays.set(hold.id, {
    hold,
    reason,
    lossRevision: event.revision,
    confirm: body.delayed
      ? startLimit(session.ttlMs, session.renewedAtMs, occasion.nowMs)
      : undefined,
    confirmed: false,
    lock: lockDelayMs > 0 ? startLimit(lockDelayMs, occasion.nowMs) : undefined,
  });
}

function mayBeLost(
  hold: ModelHold,
  session: ModelSession,
  reason: LossReason,
  { call, tick, nowMs }: Occasion,
): boolean {
  switch (reason) {
    case LossReason.SESSION_EXPIRED:
      return session.life === "EXPIRED";
    case LossReason.SESSION_REVOKED:
      return session.life === "REVOKED";
    case LossReason.FORCE_RELEASED:
      return call?.kind === "forceRelease";
    case LossReason.MAX_HOLD:
      return tick && hold.maxHold !== undefined && nowMs >= endsOf(hold.maxHold).fromMs;
    default:
      return false;
  }
}

function unblocked(facts: Facts, event: Event, body: Body<"delayEnded">, occasion: Occasion): void {
  const delay = facts.delays.get(body.holdId);
  if (delay === undefined) throw new Error(`hold ${body.holdId} blocks nothing`);
  const { call, tick, nowMs } = occasion;
  const elapsed = body.cause === DelayEndCause.ELAPSED;
  if (call?.kind !== "forceRelease") must(elapsed === tick, "only a tick ends a delay by itself");
  if (tick) must(nowMs >= delayEnds(delay).fromMs, "no delay ends early");
  facts.delays.delete(body.holdId);
  if (call?.kind !== "release") return;
  const session = sessionOf(facts, delay.hold.sessionId);
  if (session.life !== "ACTIVE") return;
  const asked = { requestId: event.causeRequestId, content: contentOf(occasion) };
  lasting(session, asked, `release LOST ${delay.reason}`);
}

function counted(
  facts: Facts,
  event: Event,
  { holdId, count, enteredRequestId }: Body<"holdCountChanged">,
  occasion: Occasion,
): void {
  const hold = liveHold(facts, holdId);
  must(count === hold.count + (enteredRequestId > 0n ? 1 : -1), "a hold counts by one");
  hold.count = count;
  const requestId = event.causeRequestId;
  if (enteredRequestId > 0n) hold.requestIds.push(enteredRequestId);
  must(enteredRequestId === 0n || enteredRequestId === requestId, "who enters is named");
  const says =
    enteredRequestId > 0n
      ? `granted ${holdId} ${hold.token} ${count}`
      : `release STILL_HELD ${count}`;
  lasting(sessionOf(facts, hold.sessionId), { requestId, content: contentOf(occasion) }, says);
}

function valueSet(
  facts: Facts,
  event: Event,
  body: Body<"holdValueSet">,
  occasion: Occasion,
): void {
  const hold = liveHold(facts, body.holdId);
  hold.terms = { ...hold.terms, value: textOf(body.value) };
  const asked = { requestId: event.causeRequestId, content: contentOf(occasion) };
  lasting(sessionOf(facts, hold.sessionId), asked, "set");
}

function asked(facts: Facts, event: Event, { holdId, token }: Body<"releaseRequested">): void {
  const hold = liveHold(facts, holdId);
  must(hold.token === token, "a wish names the token");
  hold.askedRevision = event.revision;
  sessionOf(facts, hold.sessionId).news.push(event.revision);
}

function endHold(
  facts: Facts,
  holdId: bigint,
  how: string,
): { hold: ModelHold; session: ModelSession } {
  const hold = liveHold(facts, holdId);
  facts.holds.delete(holdId);
  const session = sessionOf(facts, hold.sessionId);
  const keys = hold.targets.map(({ key }) => key);
  session.over.set(holdId, { keys, tokens: [...hold.earlierTokens, hold.token], how });
  return { hold, session };
}

function liveHold(facts: Facts, holdId: bigint): ModelHold {
  const hold = facts.holds.get(holdId);
  if (hold === undefined) throw new Error(`hold ${holdId} is not live`);
  return hold;
}
