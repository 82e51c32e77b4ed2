import {
  type KeyQuarantine,
  KeyState,
  type Lock,
  type LockDelay,
  type LockHolder,
  type LockWaiter,
  LossReason,
} from "@lockstep/protocol";
import { modeText } from "./mode-text.ts";
import { nameIn } from "./name-in.ts";
import { durationText, timeText } from "./time.ts";
import { valueText } from "./value-text.ts";
import { whoText } from "./who-text.ts";

/** The heading of what `lockRows` gives. */
export const LOCK_HEADING = ["KEY", "STATE", "MODE", "WHO", "SINCE", "TOKEN", "ABOUT"];

/** A key as rows of a table: who holds or blocks it, then who waits, in order. */
export function lockRows(lock: Lock): string[][] {
  const rows = [
    ...(lock.quarantine === undefined ? [] : [quarantineRow(lock.quarantine)]),
    ...lock.holders.map(holderRow),
    ...moreRow(lock.holderCount - lock.holders.length, "holders"),
    ...lock.delays.map(delayRow),
    ...lock.queue.map(waiterRow),
    ...moreRow(lock.queueLength - lock.queue.length, "waiters"),
  ];
  if (rows.length === 0) rows.push([nameIn(KeyState, lock.state).toLowerCase()]);
  return rows.map((row, index) => {
    const cells = [index === 0 ? lock.key : "", ...row];
    return LOCK_HEADING.map((_, column) => cells[column] ?? "");
  });
}

function moreRow(count: number, whom: string): string[][] {
  return count > 0 ? [[`… and ${count} more ${whom}`]] : [];
}

function holderRow(holder: LockHolder): string[] {
  const { releaseAsked: asked, metadata } = holder;
  const about = [
    holder.correlationId,
    holder.count > 1 && `counts ${holder.count}`,
    holder.value.length > 0 && `value ${JSON.stringify(valueText(holder.value))}`,
    ...Object.entries(metadata).map(([name, value]) => `${name}=${value}`),
    holder.maxHoldRemainingMs > 0n && `${durationText(holder.maxHoldRemainingMs)} left`,
    asked && `release asked by ${asked.actor}${asked.reason === "" ? "" : `: ${asked.reason}`}`,
  ];
  return [
    "held",
    modeText(holder.mode, holder.permits),
    whoText(holder),
    timeText(holder.grantedAtMs),
    String(holder.token),
    about.filter(Boolean).join("; "),
  ];
}

function delayRow(delay: LockDelay): string[] {
  const lost = `lost by ${nameIn(LossReason, delay.reason)}`;
  const unknowing = delay.unconfirmed ? ", its client may not know yet" : "";
  return [
    "delayed",
    modeText(delay.mode, delay.permits),
    `session ${delay.sessionId}`,
    timeText(delay.lostAtMs),
    String(delay.token),
    `${lost}, free within ${durationText(delay.remainingMs)}${unknowing}`,
  ];
}

function quarantineRow(quarantine: KeyQuarantine): string[] {
  const { sessionId, sinceAtMs, token, reason, revision } = quarantine;
  const about = `lost by ${nameIn(LossReason, reason)}, quarantined by revision ${revision}`;
  return ["quarantined", "", `session ${sessionId}`, timeText(sinceAtMs), String(token), about];
}

function waiterRow(waiter: LockWaiter, place: number): string[] {
  const converts = waiter.holdId > 0n && `converts hold ${waiter.holdId}`;
  return [
    `waits ${place + 1}`,
    modeText(waiter.mode, waiter.permits),
    whoText(waiter),
    timeText(waiter.queuedAtMs),
    "",
    [waiter.correlationId, converts].filter(Boolean).join("; "),
  ];
}
