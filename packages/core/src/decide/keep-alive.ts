import { DelayEndCause, ErrorReason } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { Delay } from "../state/delay.ts";
import { remind } from "../state/reminders.ts";
import { forgetNews, type SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { liveSessionOf, noteAnswered } from "./admission.ts";
import { type Decision, Draft, type Facts, replyWith } from "./decision.ts";
import { addDelayEnded } from "./endings.ts";

/**
 * Renews a session. The renewal itself is volatile; only a confirmed loss makes events.
 *
 * A reply that is computed before a loss is durable does not tell of it, and gives its client a full
 * time to live in which to believe. So it starts the delay of that loss again.
 */
export function decideKeepAlive(
  state: NamespaceState,
  { caller, request }: Op<"keepAlive">,
  now: Now,
  facts: Facts,
): Decision<"keepAlive"> {
  const session = liveSessionOf(state, caller);
  if (request.seenRevision > facts.durableRevision) throw seenTooMuch(request.seenRevision, facts);
  noteAnswered(state, session, request.answered);
  session.renewedAtMs = now.monotonicMs;
  const sessionRevision = durableNews(session, facts.durableRevision);
  const draft = new Draft(state.revision, now, { session, actor: caller.principal });
  for (const delay of session.delays.values()) {
    if (delay.lostRevision <= request.seenRevision) confirm(state, draft, delay, now);
    else if (delay.lostRevision > sessionRevision) restart(delay, now);
  }
  return replyWith(draft.events, {
    $typeName: "lockstep.v1.KeepAliveResponse",
    seq: request.seq,
    sessionRevision,
    ttlMs: BigInt(session.ttlMs),
  });
}

function seenTooMuch(seenRevision: bigint, { durableRevision }: Facts): Refusal {
  return new Refusal(
    RefusalCode.INVALID_ARGUMENT,
    ErrorReason.INVALID_FIELD,
    `seen_revision ${seenRevision} is above the namespace's revision ${durableRevision}: call GetSession`,
    { field: "seen_revision", rule: "must not be above the namespace's revision" },
  );
}

/** The last durable news of a session, 0 if none; older news are forgotten. */
function durableNews(session: SessionRecord, durableRevision: bigint): bigint {
  let last = -1;
  while (last + 1 < session.news.length && (session.news[last + 1] as bigint) <= durableRevision)
    last += 1;
  if (last > 0) forgetNews(session, last);
  const { news } = session;
  return last >= 0 ? (news[0] as bigint) : 0n;
}

/** What the client may have believed is over; what the hold was taken with is not for it to end like this. */
function confirm(state: NamespaceState, draft: Draft, delay: Delay, now: Now): void {
  if (delay.lockDelayUntilMs <= now.monotonicMs) {
    addDelayEnded(draft, delay, DelayEndCause.CONFIRMED);
  } else if (delay.unconfirmedUntilMs > delay.lockDelayUntilMs) {
    delay.unconfirmedUntilMs = Number.NEGATIVE_INFINITY;
    remind(state, "delay", delay.hold.id, delay.lockDelayUntilMs);
  } else {
    delay.unconfirmedUntilMs = Number.NEGATIVE_INFINITY;
  }
}

function restart(delay: Delay, now: Now): void {
  delay.unconfirmedUntilMs = now.monotonicMs + delay.confirmMs;
}
