import type { CallOf } from "./calls.ts";
import { type Asker, fitsPolicies, inTheWay, newcomer } from "./conflicts.ts";
import type { Facts, Mode, ModelHold, ModelSession, ModelTicket, Target } from "./facts.ts";
import { paused, policyOf, queueOf, spell, targetFor } from "./lookups.ts";
import { notHeld } from "./predict-holds.ts";
import {
  answerAndKeep,
  isFull,
  MODEL_LIMITS,
  type Moment,
  type Prediction,
  refuse,
  say,
} from "./prediction.ts";

export function predictAcquire(
  facts: Facts,
  session: ModelSession,
  call: CallOf<"acquire">,
  { nowMs }: Moment,
): Prediction[] {
  if (isFull(session)) return [refuse("LIMIT_EXCEEDED")];
  const { targets, requestId } = call;
  const deny = (reason: string) => [answerAndKeep(session, call, `denied ${reason}`)];
  if (facts.quarantined.has(session.principal)) return deny("IDENTITY_QUARANTINED");
  const own = ownHolds(facts, session.id, call.owner);
  const overlapping = own.some((hold) => targets.some(({ key }) => targetFor(hold.targets, key)));
  if (overlapping) {
    const same = own.find((hold) => spell(hold.targets) === spell(targets));
    if (!call.count || same === undefined) return deny("REENTRANCY");
    const count = same.count + 1;
    return [say(`granted ${same.id} ${same.token} ${count}`, `counted ${same.id} ${count}`)];
  }
  if (isBusy(facts, session.id, call.owner)) return deny("OWNER_BUSY");
  if (!fitsPolicies(facts, targets)) return deny("LIMIT_MISMATCH");
  if (targets.some(({ key }) => facts.quarantinedKeys.has(key))) return deny("KEY_QUARANTINED");
  if (facts.settings.ascending && !ascends(own, targets)) return deny("ORDER_VIOLATION");
  const who = newcomer(facts, targets);
  const way = inTheWay(facts, who);
  const granted = say("granted new new 1", `granted ${session.id} ${requestId} ${spell(targets)}`);
  const wait = () => {
    if (call.waitMs === 0) return deny(reasonOf(facts, who));
    if (targets.some(({ key }) => isQueueFull(facts, key))) return deny("QUEUE_FULL");
    const queued = `queued ${session.id} ${requestId} ${spell(targets)}`;
    return waits(call, queued, "granted new new 1");
  };
  if (way.length > 0) return wait();
  const pause = paused(facts, nowMs);
  if (pause === "no") return [granted];
  return pause === "yes" ? wait() : [granted, ...wait()];
}

export function predictConvert(
  facts: Facts,
  session: ModelSession,
  call: CallOf<"convert">,
  { nowMs }: Moment,
): Prediction[] {
  if (isFull(session)) return [refuse("LIMIT_EXCEEDED")];
  const { holdId, key, mode, requestId } = call;
  const hold = facts.holds.get(holdId);
  if (hold?.sessionId !== session.id || hold.token !== call.token)
    return [answerAndKeep(session, call, notHeld(facts, session, call))];
  const target = targetFor(hold.targets, key);
  if (target === undefined) return [refuse("INVALID_FIELD")];
  if (target.mode === mode) {
    hold.unwrittenIds.push(requestId);
    return [answerAndKeep(session, call, `granted ${holdId} ${hold.token} ${hold.count}`)];
  }
  const deny = (reason: string) => [answerAndKeep(session, call, `denied ${reason}`)];
  if (converts(facts, holdId).some((ticket) => targetFor(ticket.targets, key) !== undefined))
    return deny("OWNER_BUSY");
  const converted = `converted ${holdId} ${key} ${mode}`;
  if (weakens(target.mode, mode))
    return [say(`granted ${holdId} ${hold.token} ${hold.count}`, converted)];
  if (target.mode !== "UPGRADABLE" || mode !== "EXCLUSIVE") return deny("UPGRADE_REFUSED");
  // To become stronger is to ask for a lock.
  if (facts.quarantined.has(session.principal)) return deny("IDENTITY_QUARANTINED");
  const targets = [{ key, mode, permits: 0 }];
  if (!fitsPolicies(facts, targets)) return deny("LIMIT_MISMATCH");
  if (facts.quarantinedKeys.has(key)) return deny("KEY_QUARANTINED");
  const who = { targets, before: [], holdId };
  const way = inTheWay(facts, who);
  const wait = (): Prediction[] => {
    if (call.waitMs === 0) return deny(reasonOf(facts, who));
    const busy = converts(facts, holdId).length > 0 || isBusy(facts, session.id, hold.owner);
    if (busy) return deny("OWNER_BUSY");
    const queued = `convert-queued ${session.id} ${requestId} ${holdId} ${key}`;
    return waits(call, queued, `granted ${holdId} new ${hold.count}`);
  };
  if (way.length > 0) return wait();
  const granted = say(`granted ${holdId} new ${hold.count}`, converted);
  const pause = paused(facts, nowMs);
  if (pause === "no") return [granted];
  return pause === "yes" ? wait() : [granted, ...wait()];
}

/** What waits to change a hold. */
function converts(facts: Facts, holdId: bigint): ModelTicket[] {
  return [...facts.tickets.values()].filter((ticket) => ticket.holdId === holdId);
}

/** What an owner holds; who names none shares nothing. */
function ownHolds(facts: Facts, sessionId: bigint, owner: string): ModelHold[] {
  const all = [...facts.holds.values()];
  return all.filter((hold) => owner !== "" && hold.sessionId === sessionId && hold.owner === owner);
}

function isBusy(facts: Facts, sessionId: bigint, owner: string): boolean {
  return [...facts.tickets.values()].some(
    (ticket) => owner !== "" && ticket.sessionId === sessionId && ticket.owner === owner,
  );
}

function ascends(own: readonly ModelHold[], targets: readonly Target[]): boolean {
  const held = own.flatMap((hold) => hold.targets.map(({ key }) => key));
  return targets.every(({ key }) => held.every((one) => key > one));
}

function isQueueFull(facts: Facts, key: string): boolean {
  const max = policyOf(facts, key).maxWaiters || MODEL_LIMITS.max_waiters_per_key;
  return queueOf(facts, key).length >= Math.min(max, MODEL_LIMITS.max_waiters_per_key);
}

/** Why a request is denied that does not want to wait: only for lost holds, or for others. */
function reasonOf(facts: Facts, who: Asker): string {
  const withoutDelays = { ...facts, delays: new Map() };
  return inTheWay(withoutDelays, who).length === 0 ? "LOCK_DELAY" : "CONTENDED";
}

function weakens(from: Mode, to: Mode): boolean {
  if (from === "EXCLUSIVE") return to === "SHARED" || to === "UPGRADABLE";
  return from === "UPGRADABLE" && to === "SHARED";
}

/**
 * A wait begins. Whoever wants to hear of that at once hears of its end when it is over at once: it, or
 * another one that was in its way, was the victim of a circle.
 */
function waits(
  call: { readonly answerQueued: boolean },
  event: string,
  granted: string,
): Prediction[] {
  const ends = call.answerQueued ? ["denied DEADLOCK_VICTIM", granted] : [];
  return ["waiting new", ...ends].map((says) => say(says, event));
}
