import { KeyState, type Lock, LossReason } from "@lockstep/protocol";
import { durationText, timeText } from "./time.ts";

/** The heading of what `lockRows` gives. */
export const LOCK_HEADING = ["KEY", "STATE", "WHO", "SINCE", "TOKEN", "WHY"];

/** A key as rows of a table: who holds or blocks it, then who waits, in order. */
export function lockRows(lock: Lock): string[][] {
  const rows = [
    ...lock.holders.map((holder) => [
      "held",
      whoText(holder),
      timeText(holder.grantedAtMs),
      String(holder.token),
      holder.correlationId,
    ]),
    ...lock.delays.map((delay) => [
      "delayed",
      `session ${delay.sessionId}`,
      timeText(delay.lostAtMs),
      String(delay.token),
      `lost by ${LossReason[delay.reason] ?? "an unknown reason"}, free within ${durationText(delay.remainingMs)}`,
    ]),
    ...lock.queue.map((waiter, place) => [
      `waits ${place + 1}`,
      whoText(waiter),
      timeText(waiter.queuedAtMs),
      "",
      waiter.correlationId,
    ]),
  ];
  if (rows.length === 0) rows.push([(KeyState[lock.state] ?? "unknown").toLowerCase()]);
  const more = lock.queueLength - lock.queue.length;
  if (more > 0) rows.push([`… and ${more} more`]);
  return rows.map((row, index) => {
    const cells = [index === 0 ? lock.key : "", ...row];
    return LOCK_HEADING.map((_, column) => cells[column] ?? "");
  });
}

function whoText(by: { sessionId: bigint; displayName: string; owner: string }): string {
  const session = `session ${by.sessionId}`;
  const name = by.displayName === "" ? session : `${by.displayName} (${session})`;
  return by.owner === "" ? name : `${name}, owner ${by.owner}`;
}
