import { DelayEndCause, type Event, LossReason } from "@lockstep/protocol";
import type { Marks } from "../marks/marks.ts";
import { CLOCK_RATE_MAX } from "../time/process-clock.ts";
import { endHold } from "./apply-holds.ts";
import type { Ledger } from "./records.ts";
import { demand } from "./violation.ts";

type Body<C extends string> = Extract<Event["body"], { case: C }>["value"];

// Moments of two clocks, rounded to milliseconds.
const ROUNDING_MS = 2;

/** A hold is lost. `trueMs` is when that became durable. */
export function lose(
  ledger: Ledger,
  body: Body<"lockLost">,
  revision: bigint,
  trueMs: number,
  marks: Marks,
): void {
  const hold = endHold(ledger, body, revision, "lost");
  marks.hit(`hold lost: ${LossReason[body.reason]}`);
  const notExpired = body.reason !== LossReason.SESSION_EXPIRED;
  demand(
    body.delayed || body.immediate || !notExpired,
    "a hold lost in a live session is delayed",
    () => `revision ${revision} loses hold ${hold.id}`,
  );
  if (body.immediate) {
    ledger.freedAtOnce.add(hold.id);
    marks.hit("key freed at once");
  }
  if (body.quarantined) {
    marks.hit("key quarantined");
    for (const { key } of hold.targets) ledger.keyOf(key).quarantine ??= hold;
  }
  if (!body.delayed && body.lockDelayMs === 0n) return;
  marks.hit(body.lockDelayMs > 0n ? "lost hold has a lock-delay" : "lost hold delays its key");
  const lockDelayMs = Number(body.lockDelayMs);
  const delay = { hold, lockDelayMs, lostAtMs: trueMs, from: revision, to: undefined };
  ledger.delays.set(hold.id, delay);
  for (const { key } of hold.targets) ledger.keyOf(key).delays.add(delay);
}

/** The keys of a lost hold are not blocked any more. */
export function endDelay(
  ledger: Ledger,
  { holdId, cause }: Body<"delayEnded">,
  { revision, causeRequestId }: Event,
  trueMs: number,
  marks: Marks,
): void {
  const delay = ledger.delays.get(holdId);
  demand(
    delay !== undefined && delay.to === undefined,
    "a delay ends once",
    () => `hold ${holdId}`,
  );
  const byApplication = causeRequestId !== 0n;
  const forced = cause === DelayEndCause.FORCED;
  if (!byApplication && !forced) {
    const ranMs = (trueMs - delay.lostAtMs) * CLOCK_RATE_MAX + ROUNDING_MS;
    demand(
      ranMs >= delay.lockDelayMs,
      "a lock-delay runs its time",
      () =>
        `revision ${revision} ends that of hold ${holdId}, ${delay.lockDelayMs} ms, after ${ranMs} ms`,
    );
  }
  if (forced) ledger.freedAtOnce.add(holdId);
  const confirmed = cause === DelayEndCause.CONFIRMED;
  if (!confirmed) marks.hit(forced ? "delay ended by force" : "delay elapsed");
  else
    marks.hit(byApplication ? "delay confirmed by a release" : "delay confirmed by seen_revision");
  delay.to = revision;
  for (const { key } of delay.hold.targets) ledger.keyOf(key).delays.delete(delay);
}
