import type { Now } from "@lockstep/core";
import type { Clock } from "../ports/clock.ts";

/**
 * The time by which deadlines are decided: it stands still while the event loop was kept from running,
 * which adds every measured stall to all deadlines. Extending is always safe, ending early never is.
 */
export function leaseNow(clock: Clock): Now {
  return { monotonicMs: clock.monotonicMs() - clock.stalls().totalMs, unixMs: clock.unixMs() };
}
