import { type Denied, DeniedReason, type LockGranted, type Queued } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { storageLow } from "../refusal.ts";
import { denied } from "../state/denied.ts";
import type { Hold } from "../state/hold.ts";
import type { Result } from "../state/outcome.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { deniedReply, grantedReply, queuedReply } from "../view/acquire.ts";
import { blockersOf } from "../view/blockers.ts";
import { queuedView } from "../view/queued.ts";
import { heldElsewise, ruledOut, unavailable, waitCapMs } from "./acquire-rules.ts";
import {
  earlierOutcome,
  idReused,
  liveSessionOf,
  noteAnswered,
  roomForAnswered,
  roomForHold,
  roomForNumber,
  roomForOutcome,
  roomForWaiter,
} from "./admission.ts";
import { type Decision, Draft, type Facts, replyOnly, replyWith } from "./decision.ts";
import { addCountChanged } from "./endings.ts";
import { acquireFingerprint } from "./fingerprint.ts";
import { isGrantedNow } from "./grants.ts";
import { longestQueue } from "./hints.ts";
import { askedTerms, termsInForce } from "./terms.ts";

type AcquireDecision = Decision<"acquire">;

/** Grants, queues or denies. Nobody barges: who conflicts with a waiter stands behind it. */
export function decideAcquire(
  state: NamespaceState,
  op: Op<"acquire">,
  now: Now,
  facts: Facts,
): AcquireDecision {
  const { caller, request } = op;
  const session = liveSessionOf(state, caller);
  noteAnswered(state, session, request.answered);
  const fingerprint = acquireFingerprint(request);
  const earlier = earlierOutcome(session, request.requestId, fingerprint);
  if (earlier !== undefined) return repeat(state, earlier.result, op, now);
  if (facts.storageLow) throw storageLow("no lock is granted or waited for");
  roomForAnswered(state, session);
  roomForOutcome(state, session);
  const draft = new Draft(state.revision, now, {
    session,
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
  if (state.quarantinedIdentities.has(session.principal))
    return deny(session, op, fingerprint, denied(DeniedReason.IDENTITY_QUARANTINED));
  const owned = heldElsewise(state, session, request);
  if (owned?.kind === "entered") {
    roomForNumber(state, session);
    return enter(draft, op, owned.hold);
  }
  roomForHold(state, session, request);
  if (owned !== undefined) return deny(session, op, fingerprint, owned.denied);
  const refused = ruledOut(state, session, request);
  if (refused !== undefined) return deny(session, op, fingerprint, refused);
  if (isGrantedNow(state, request.targets, now)) return grant(state, draft, op);
  const taken = unavailable(state, session, request, now);
  if (taken !== undefined) return deny(session, op, fingerprint, taken);
  return enqueue(state, session, draft, op);
}

/** Counts one more grant of a hold that its owner has already. */
function enter(draft: Draft, { request }: Op<"acquire">, hold: Hold): AcquireDecision {
  const count = addCountChanged(draft, hold, request.requestId);
  return replyWith(draft.events, grantedReply({ holdId: hold.id, token: hold.token, count }));
}

function grant(
  state: NamespaceState,
  draft: Draft,
  { caller, request }: Op<"acquire">,
): AcquireDecision {
  const holdId = draft.next;
  const terms = termsInForce(state, askedTerms(request), request.targets);
  const value: LockGranted = {
    $typeName: "lockstep.v1.LockGranted",
    holdId,
    token: holdId,
    sessionId: caller.sessionId,
    requestId: request.requestId,
    ticketId: 0n,
    owner: request.owner,
    targets: request.targets,
    transferredFrom: 0n,
  };
  if (terms !== undefined) value.terms = terms;
  draft.add({ case: "lockGranted", value });
  return replyWith(draft.events, grantedReply({ holdId, token: holdId, count: 1 }));
}

function enqueue(
  state: NamespaceState,
  session: SessionRecord,
  draft: Draft,
  { caller, request, answerQueued }: Op<"acquire">,
): AcquireDecision {
  roomForWaiter(state, session);
  const ticketId = draft.next;
  const capMs = BigInt(waitCapMs(state, request.targets));
  const waitMs = request.waitMs < capMs ? request.waitMs : capMs;
  const terms = askedTerms(request);
  draft.add({
    case: "lockQueued",
    value: {
      $typeName: "lockstep.v1.LockQueued",
      ticketId,
      sessionId: caller.sessionId,
      requestId: request.requestId,
      owner: request.owner,
      targets: request.targets,
      waitMs,
      deadlockPriority: request.deadlockPriority,
      ...(terms === undefined ? {} : { terms }),
    },
  });
  if (!answerQueued) return { events: draft.events, answer: { kind: "waiting", ticketId } };
  const queued: Queued = {
    $typeName: "lockstep.v1.Queued",
    ticketId,
    position: longestQueue(state, request.targets),
    blockers: blockersOf(state, request),
    waitRemainingMs: waitMs,
  };
  return replyWith(draft.events, queuedReply(queued));
}

/** A denial makes no event; its outcome is kept beside those that do. */
function deny(
  session: SessionRecord,
  { request }: Op<"acquire">,
  fingerprint: bigint,
  why: Denied,
): AcquireDecision {
  session.outcomes.set(request.requestId, { fingerprint, result: { kind: "denied", denied: why } });
  return replyOnly(deniedReply(why));
}

function repeat(
  state: NamespaceState,
  result: Result,
  op: Op<"acquire">,
  now: Now,
): AcquireDecision {
  switch (result.kind) {
    case "granted":
      return replyOnly(grantedReply(result));
    case "denied":
      return replyOnly(deniedReply(result.denied));
    case "refused":
      return replyOnly(deniedReply(denied(DeniedReason.CANCELLED)));
    case "waiting": {
      if (!op.answerQueued)
        return { events: [], answer: { kind: "waiting", ticketId: result.ticketId } };
      return replyOnly(queuedReply(queuedView(state, result.ticketId, now)));
    }
    default:
      throw idReused(op.request.requestId);
  }
}
