import type { Event } from "@lockstep/protocol";
import { dropFinalOutcomes } from "../state/outcome.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { required } from "./invariant.ts";
import { sessionOf } from "./records.ts";

/** Takes over which request ids the session whose call caused an event had confirmed as answered by then. */
export function applyAnswered(state: NamespaceState, event: Event): void {
  const answered = event.journalOnly?.answered;
  if (answered === undefined || answered.length === 0) return;
  const session = callerOf(state, event);
  for (const range of answered)
    for (const ids of session.answered.add(range)) dropFinalOutcomes(session.outcomes, ids);
  session.answeredPending.clear();
}

/** What a call of a session causes first is about that session. */
function callerOf(state: NamespaceState, { body, revision }: Event): SessionRecord {
  if (body.case === "delayEnded") {
    const { holdId } = body.value;
    return sessionOf(
      state,
      required(state.delays.get(holdId), "delay of hold", holdId).hold.sessionId,
    );
  }
  const sessionId =
    body.value !== undefined && "sessionId" in body.value ? body.value.sessionId : undefined;
  return sessionOf(state, required(sessionId, "the session of event", revision));
}
