import {
  type AcquireRequest,
  type Denied,
  DeniedReason,
  type LockTarget,
  type Queued,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { limitExceeded, storageLow } from "../refusal.ts";
import { delayRemainingMs } from "../state/delay.ts";
import { denied } from "../state/denied.ts";
import { heldBytes } from "../state/held-bytes.ts";
import type { Result } from "../state/outcome.ts";
import type { NamespaceState, SessionRecord } from "../state/state.ts";
import { deniedReply, grantedReply, queuedReply } from "../view/acquire.ts";
import { blockersOf } from "../view/blockers.ts";
import { queuedView } from "../view/queued.ts";
import {
  earlierOutcome,
  idReused,
  liveSessionOf,
  noteAnswered,
  roomForAnswered,
  roomForOutcome,
} from "./admission.ts";
import { type Decision, Draft, type Facts, replyOnly, replyWith } from "./decision.ts";
import { acquireFingerprint } from "./fingerprint.ts";

type AcquireDecision = Decision<"acquire">;

/** Grants, queues or denies. Nobody barges: a key with waiters goes to the first of them. */
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
  roomForAnswered(state, session, request.answered);
  roomForOutcome(state, session);
  roomForHold(state, session, request);
  const target = request.targets[0] as LockTarget;
  const refused = ownerConflict(state, session, op) ?? waitConflict(state, target, op, now);
  if (refused !== undefined) return deny(session, op, fingerprint, refused);
  const draft = new Draft(state.revision, now, {
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
  return isFree(state, target.key, now) ? grant(draft, op) : enqueue(state, session, draft, op);
}

/** Whether a newcomer would be granted at once. */
function isFree(state: NamespaceState, key: string, now: Now): boolean {
  return !state.keys.has(key) && now.monotonicMs >= state.grantsFromMs;
}

function grant(draft: Draft, { caller, request }: Op<"acquire">): AcquireDecision {
  const holdId = draft.next;
  draft.add({
    case: "lockGranted",
    value: {
      $typeName: "lockstep.v1.LockGranted",
      holdId,
      token: holdId,
      sessionId: caller.sessionId,
      requestId: request.requestId,
      ticketId: 0n,
      owner: request.owner,
      targets: request.targets,
      transferredFrom: 0n,
    },
  });
  return replyWith(draft.events, grantedReply({ holdId, token: holdId }));
}

function enqueue(
  state: NamespaceState,
  session: SessionRecord,
  draft: Draft,
  { caller, request, answerQueued }: Op<"acquire">,
): AcquireDecision {
  const { max_waiters_per_session, max_wait_ms } = state.limits;
  if (session.tickets.size >= max_waiters_per_session) {
    throw limitExceeded(
      "max_waiters_per_session",
      max_waiters_per_session,
      `session ${session.id} waits for too much`,
    );
  }
  const ticketId = draft.next;
  const capMs = BigInt(max_wait_ms);
  const waitMs = request.waitMs < capMs ? request.waitMs : capMs;
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
    },
  });
  if (!answerQueued) return { events: draft.events, answer: { kind: "waiting", ticketId } };
  const key = (request.targets[0] as LockTarget).key;
  const queued: Queued = {
    $typeName: "lockstep.v1.Queued",
    ticketId,
    position: state.keys.get(key)?.queue.size ?? 0,
    blockers: blockersOf(state, key),
    waitRemainingMs: waitMs,
  };
  return replyWith(draft.events, queuedReply(queued));
}

/** Why this owner cannot ask for this now, if so. */
function ownerConflict(
  state: NamespaceState,
  session: SessionRecord,
  { request }: Op<"acquire">,
): Denied | undefined {
  const { owner, targets } = request;
  if (owner === "") return undefined;
  const { key } = targets[0] as LockTarget;
  const holds = state.keys.get(key)?.holds ?? [];
  if (holds.some((hold) => hold.sessionId === session.id && hold.owner === owner)) {
    return denied(DeniedReason.REENTRANCY, blockersOf(state, key));
  }
  return session.busyOwners.has(owner) ? denied(DeniedReason.OWNER_BUSY) : undefined;
}

/** Why this cannot be granted or waited for, if so. */
function waitConflict(
  state: NamespaceState,
  { key }: LockTarget,
  { request }: Op<"acquire">,
  now: Now,
): Denied | undefined {
  const record = state.keys.get(key);
  if (isFree(state, key, now)) return undefined;
  if (request.waitMs > 0n) {
    if ((record?.queue.size ?? 0) < state.limits.max_waiters_per_key) return undefined;
    return denied(DeniedReason.QUEUE_FULL, blockersOf(state, key));
  }
  if (record === undefined)
    return denied(DeniedReason.LOCK_DELAY, [], state.grantsFromMs - now.monotonicMs);
  if (record.holds.length > 0 || record.delays.length === 0) {
    return denied(DeniedReason.CONTENDED, blockersOf(state, key));
  }
  const remainingMs = Math.max(
    ...record.delays.map((delay) => delayRemainingMs(delay, now.monotonicMs)),
  );
  return denied(DeniedReason.LOCK_DELAY, blockersOf(state, key), remainingMs);
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

function roomForHold(state: NamespaceState, session: SessionRecord, request: AcquireRequest): void {
  const { max_holds_per_session, max_held_bytes_per_session } = state.limits;
  const what = `session ${session.id} holds and waits for too much: open another session`;
  if (session.holds.size + session.tickets.size >= max_holds_per_session) {
    throw limitExceeded("max_holds_per_session", max_holds_per_session, what);
  }
  if (session.heldBytes + heldBytes(request) > max_held_bytes_per_session) {
    throw limitExceeded("max_held_bytes_per_session", max_held_bytes_per_session, what);
  }
}
