import type { Facts } from "./facts.ts";
import { recoverLimit } from "./limit.ts";
import { partsOf } from "./lookups.ts";

/** What is left of facts, and how time counts in them, when a new epoch starts at `nowMs` after a crash. */
export function recovered(facts: Facts, crashMs: number, nowMs: number): Facts {
  for (const session of facts.sessions.values()) {
    session.renewedAtMs = nowMs;
    session.endedAtMs = nowMs;
    session.answered = new Set(session.lastingAnswered);
    for (const [id, { lasting }] of session.outcomes) if (!lasting) session.outcomes.delete(id);
  }
  for (const ticket of facts.tickets.values()) ticket.untilMs = nowMs + ticket.waitMs;
  for (const delay of facts.delays.values()) {
    delay.confirmed = false;
    for (const part of partsOf(delay)) recoverLimit(part, crashMs, nowMs);
  }
  for (const { maxHold } of facts.holds.values())
    if (maxHold !== undefined) recoverLimit(maxHold, crashMs, nowMs);
  if (facts.pause !== undefined) recoverLimit(facts.pause, crashMs, nowMs);
  facts.pauseIsOver = facts.pause === undefined;
  for (const one of facts.lostSessions) one.stale = true;
  facts.servedBeforeMs = facts.servedMs;
  facts.epochAtMs = nowMs;
  facts.writtenAtMs = nowMs;
  return facts;
}
