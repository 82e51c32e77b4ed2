import type { Event, IdRange } from "@lockstep/protocol";
import { acceptAdmin } from "./accept-admin.ts";
import { acceptGrant } from "./accept-grants.ts";
import { acceptHold } from "./accept-holds.ts";
import { acceptSession } from "./accept-sessions.ts";
import type { Call } from "./calls.ts";
import { type Facts, must } from "./facts.ts";
import { sessionOf } from "./lookups.ts";
import type { Occasion } from "./occasion.ts";

/** Takes an event into the facts, and throws when the contract does not allow it here and now. */
export function accept(facts: Facts, event: Event, occasion: Occasion): void {
  const taken =
    acceptSession(facts, event, occasion) ||
    acceptGrant(facts, event, occasion) ||
    acceptHold(facts, event, occasion) ||
    acceptAdmin(facts, event, occasion);
  must(taken, `nothing makes the event ${event.body.case}`);
  const { call } = occasion;
  if (call === undefined || !("answered" in call)) return;
  const caused = "requestId" in call && event.causeRequestId === call.requestId;
  must(caused || event.causeRequestId === 0n, "an event names the request that caused it");
  noteAnswered(facts, call.sessionId, event.journalOnly?.answered ?? []);
}

/** Throws when a call has made events, and they do not hold what its client has confirmed until then. */
export function mustHoldConfirmed(facts: Facts, call: Call): void {
  if (!("answered" in call)) return;
  const session = facts.sessions.get(call.sessionId);
  if (session?.life !== "ACTIVE") return;
  for (const id of session.answered)
    must(session.lastingAnswered.has(id), `it is written down that ${id} was confirmed`);
}

/** What a client has confirmed goes into the events of its session. */
function noteAnswered(facts: Facts, sessionId: bigint, ranges: readonly IdRange[]): void {
  if (ranges.length === 0) return;
  const session = sessionOf(facts, sessionId);
  for (const { first, last } of ranges) {
    for (let id = first; id <= last; id++) {
      must(session.answered.has(id), "only what was confirmed is written as confirmed");
      session.lastingAnswered.add(id);
    }
  }
}
