import {
  KeyState,
  type Lock,
  type LockDelay,
  type LockHolder,
  type LockTarget,
  type LockWaiter,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { type Delay, delayRemainingMs, isUnconfirmed } from "../state/delay.ts";
import type { Hold } from "../state/hold.ts";
import { type KeyRecord, queueLength, targetOf, waitersOf } from "../state/key.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Ticket } from "../state/ticket.ts";
import { displayNameOf } from "./blockers.ts";
import { fitted } from "./fitted.ts";
import { maxHoldRemainingMs, releaseAskedView } from "./hold.ts";
import { waitRemainingMs } from "./queued.ts";
import { remainingMs } from "./remaining.ts";

/** A key nobody uses. */
export function freeLock(key: string): Lock {
  return {
    $typeName: "lockstep.v1.Lock",
    key,
    state: KeyState.FREE,
    holders: [],
    delays: [],
    queue: [],
    queueLength: 0,
    holderCount: 0,
  };
}

/**
 * A key with who holds it, what blocks it and the first `queueShown` of those who wait, as far as it fits
 * into a reply.
 */
export function lockView(
  state: NamespaceState,
  record: KeyRecord,
  now: Now,
  queueShown: number,
): Lock {
  const { key, quarantine } = record;
  const lock = freeLock(key);
  lock.state = keyState(record);
  lock.holders = record.holds.map((hold) => holderView(state, key, hold, now));
  lock.delays = record.delays.map((delay) => delayView(key, delay, now));
  for (const ticket of waitersOf(record)) {
    if (lock.queue.length === queueShown) break;
    lock.queue.push(waiterView(state, key, ticket, now));
  }
  lock.queueLength = queueLength(record);
  lock.holderCount = record.holds.length;
  if (quarantine !== undefined) {
    const { sinceMs, ...rest } = quarantine;
    lock.quarantine = {
      $typeName: "lockstep.v1.KeyQuarantine",
      ...rest,
      sinceAtMs: BigInt(sinceMs),
    };
  }
  return fitted(lock, state.limits.max_response_bytes);
}

function keyState({ holds, delays, quarantine }: KeyRecord): KeyState {
  if (holds.length > 0) return KeyState.HELD;
  if (quarantine !== undefined) return KeyState.QUARANTINED;
  return delays.length > 0 ? KeyState.DELAYED : KeyState.FREE;
}

function holderView(state: NamespaceState, key: string, hold: Hold, now: Now): LockHolder {
  const { mode, permits } = targetOf(hold.targets, key) as LockTarget;
  const holder: LockHolder = {
    $typeName: "lockstep.v1.LockHolder",
    holdId: hold.id,
    token: hold.token,
    mode,
    sessionId: hold.sessionId,
    displayName: displayNameOf(state, hold.sessionId),
    owner: hold.owner,
    grantedAtMs: BigInt(hold.grantedAtMs),
    correlationId: hold.correlationId,
    permits,
    count: hold.count,
    value: hold.value,
    metadata: { ...hold.metadata },
    maxHoldRemainingMs: maxHoldRemainingMs(hold, now),
  };
  if (hold.releaseAsked !== undefined) holder.releaseAsked = releaseAskedView(hold.releaseAsked);
  return holder;
}

function waiterView(state: NamespaceState, key: string, ticket: Ticket, now: Now): LockWaiter {
  const { mode, permits } = targetOf(ticket.targets, key) as LockTarget;
  return {
    $typeName: "lockstep.v1.LockWaiter",
    ticketId: ticket.id,
    mode,
    sessionId: ticket.sessionId,
    displayName: displayNameOf(state, ticket.sessionId),
    owner: ticket.owner,
    queuedAtMs: BigInt(ticket.queuedAtMs),
    waitRemainingMs: waitRemainingMs(ticket, now),
    correlationId: ticket.correlationId,
    permits,
    holdId: ticket.convertOf,
  };
}

function delayView(key: string, delay: Delay, now: Now): LockDelay {
  const { mode, permits } = targetOf(delay.hold.targets, key) as LockTarget;
  return {
    $typeName: "lockstep.v1.LockDelay",
    holdId: delay.hold.id,
    token: delay.hold.token,
    sessionId: delay.hold.sessionId,
    reason: delay.reason,
    remainingMs: remainingMs(delayRemainingMs(delay, now.monotonicMs)),
    lostAtMs: BigInt(delay.lostAtMs),
    mode,
    permits,
    unconfirmed: isUnconfirmed(delay, now.monotonicMs),
  };
}
