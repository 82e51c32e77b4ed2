import {
  KeyState,
  type Lock,
  type LockDelay,
  type LockHolder,
  LockMode,
  type LockTarget,
  type LockWaiter,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { delayRemainingMs } from "../state/delay.ts";
import type { Delay, Hold, KeyRecord, NamespaceState, Ticket } from "../state/state.ts";
import { displayNameOf } from "./blockers.ts";
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
  };
}

/** A key with who holds it, what blocks it and the first `queueShown` of those who wait. */
export function lockView(
  state: NamespaceState,
  record: KeyRecord,
  now: Now,
  queueShown: number,
): Lock {
  const lock = freeLock(record.key);
  lock.state =
    record.holds.length > 0
      ? KeyState.HELD
      : record.delays.length > 0
        ? KeyState.DELAYED
        : KeyState.FREE;
  lock.holders = record.holds.map((hold) => holderView(state, record.key, hold));
  lock.delays = record.delays.map((delay) => delayView(delay, now));
  for (const ticket of record.queue.values()) {
    if (lock.queue.length === queueShown) break;
    lock.queue.push(waiterView(state, record.key, ticket, now));
  }
  lock.queueLength = record.queue.size;
  return lock;
}

function holderView(state: NamespaceState, key: string, hold: Hold): LockHolder {
  return {
    $typeName: "lockstep.v1.LockHolder",
    holdId: hold.id,
    token: hold.token,
    mode: modeOf(key, hold.targets),
    sessionId: hold.sessionId,
    displayName: displayNameOf(state, hold.sessionId),
    owner: hold.owner,
    grantedAtMs: BigInt(hold.grantedAtMs),
    correlationId: hold.correlationId,
  };
}

function waiterView(state: NamespaceState, key: string, ticket: Ticket, now: Now): LockWaiter {
  return {
    $typeName: "lockstep.v1.LockWaiter",
    ticketId: ticket.id,
    mode: modeOf(key, ticket.targets),
    sessionId: ticket.sessionId,
    displayName: displayNameOf(state, ticket.sessionId),
    owner: ticket.owner,
    queuedAtMs: BigInt(ticket.queuedAtMs),
    waitRemainingMs: waitRemainingMs(ticket, now),
    correlationId: ticket.correlationId,
  };
}

function delayView(delay: Delay, now: Now): LockDelay {
  return {
    $typeName: "lockstep.v1.LockDelay",
    holdId: delay.hold.id,
    token: delay.hold.token,
    sessionId: delay.hold.sessionId,
    reason: delay.reason,
    remainingMs: remainingMs(delayRemainingMs(delay, now.monotonicMs)),
    lostAtMs: BigInt(delay.lostAtMs),
  };
}

function modeOf(key: string, targets: readonly LockTarget[]): LockMode {
  return targets.find((target) => target.key === key)?.mode ?? LockMode.UNSPECIFIED;
}
