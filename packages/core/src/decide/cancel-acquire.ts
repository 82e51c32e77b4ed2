import {
  type CancelAcquireResponse,
  CancelOutcome,
  ErrorReason,
  TicketEnd,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { Grant } from "../state/outcome.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Ticket } from "../state/ticket.ts";
import { grantedView } from "../view/acquire.ts";
import {
  earlierOutcome,
  idReused,
  liveSessionOf,
  noteAnswered,
  roomForOutcome,
} from "./admission.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { addTicketEnded } from "./endings.ts";
import { cancelFingerprint } from "./fingerprint.ts";

type CancelDecision = Decision<"cancelAcquire">;

/** Takes back an Acquire. Whatever is found, no waiter remains and a late arrival is refused. */
export function decideCancelAcquire(
  state: NamespaceState,
  op: Op<"cancelAcquire">,
  now: Now,
): CancelDecision {
  const { caller, request } = op;
  const session = liveSessionOf(state, caller);
  noteAnswered(state, session, request.answered);
  const fingerprint = cancelFingerprint(request);
  const earlier = earlierOutcome(session, request.requestId, fingerprint)?.result;
  if (earlier?.kind === "cancel") return replyOnly(response(earlier.outcome, earlier.grant));
  if (earlier !== undefined) throw idReused(request.requestId);
  const draft = new Draft(state.revision, now, {
    session,
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
  const acquire = session.outcomes.get(request.acquireRequestId)?.result;
  switch (acquire?.kind) {
    case "waiting":
      addTicketEnded(draft, state.tickets.get(acquire.ticketId) as Ticket, TicketEnd.CANCELLED);
      return replyWith(draft.events, response(CancelOutcome.CANCELLED));
    case "granted": {
      const { kind: _, ...grant } = acquire;
      return keepVolatile(state, session, op, fingerprint, CancelOutcome.ALREADY_GRANTED, grant);
    }
    case "denied":
    case "notHeld":
      return keepVolatile(state, session, op, fingerprint, CancelOutcome.CANCELLED);
    case "refused":
      return keepVolatile(state, session, op, fingerprint, CancelOutcome.UNKNOWN_REQUEST);
    case undefined:
      return cancelUnknown(state, session, op, draft, fingerprint);
    default:
      throw notAnAcquire(request.acquireRequestId);
  }
}

/** What has not arrived must never run; what was confirmed never runs again anyway. */
function cancelUnknown(
  state: NamespaceState,
  session: SessionRecord,
  op: Op<"cancelAcquire">,
  draft: Draft,
  fingerprint: bigint,
): CancelDecision {
  const { acquireRequestId } = op.request;
  if (session.answered.has(acquireRequestId)) {
    return keepVolatile(state, session, op, fingerprint, CancelOutcome.UNKNOWN_REQUEST);
  }
  // Two entries each: bounded, though later than other requests, as a cancel should not be refused.
  roomForOutcome(state, session, 2);
  draft.add({
    case: "acquireRefused",
    value: { $typeName: "lockstep.v1.AcquireRefused", sessionId: session.id, acquireRequestId },
  });
  return replyWith(draft.events, response(CancelOutcome.UNKNOWN_REQUEST));
}

function keepVolatile(
  state: NamespaceState,
  session: SessionRecord,
  { request }: Op<"cancelAcquire">,
  fingerprint: bigint,
  outcome: CancelOutcome,
  grant?: Grant,
): CancelDecision {
  if (session.outcomes.size - session.tickets.size < 2 * state.limits.max_unanswered) {
    session.outcomes.set(request.requestId, {
      fingerprint,
      result: { kind: "cancel", outcome, grant },
    });
  }
  return replyOnly(response(outcome, grant));
}

function notAnAcquire(requestId: bigint): Refusal {
  return new Refusal(
    RefusalCode.INVALID_ARGUMENT,
    ErrorReason.INVALID_FIELD,
    `acquire_request_id ${requestId} names a request that is not an Acquire`,
    { field: "acquire_request_id", rule: "must name an Acquire" },
  );
}

function response(outcome: CancelOutcome, grant?: Grant): CancelAcquireResponse {
  const base = { $typeName: "lockstep.v1.CancelAcquireResponse", outcome } as const;
  return grant === undefined ? base : { ...base, granted: grantedView(grant) };
}
