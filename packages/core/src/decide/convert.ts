import {
  type ConvertRequest,
  type ConvertResponse,
  type Denied,
  DeniedReason,
  ErrorReason,
  LockMode,
  type LockTarget,
  type Queued,
} from "@lockstep/protocol";
import { InvariantError } from "../apply/invariant.ts";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import { denied } from "../state/denied.ts";
import type { Hold } from "../state/hold.ts";
import { type KeyRecord, targetOf } from "../state/key.ts";
import type { Result } from "../state/outcome.ts";
import { isAllowed } from "../state/policies.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { grantedView } from "../view/acquire.ts";
import { blockersOf } from "../view/blockers.ts";
import { queuedView } from "../view/queued.ts";
import { delayedForMs, waitCapMs } from "./acquire-rules.ts";
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
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { convertFingerprint } from "./fingerprint.ts";
import { convertFits } from "./grants.ts";
import { retryAfterMs } from "./hints.ts";
import { heldOrOver, notHeldView } from "./hold-of.ts";

type ConvertDecision = Decision<"convert">;

/** What a Convert is about, once its hold and its key have been found. */
interface Conversion {
  readonly op: Op<"convert">;
  readonly session: SessionRecord;
  readonly hold: Hold;
  /** How the key is held now. */
  readonly from: LockTarget;
  /** How it shall be held. */
  readonly to: LockTarget;
  readonly fingerprint: bigint;
}

/**
 * Changes the mode of one key of a hold. What becomes weaker is changed at once; what becomes EXCLUSIVE
 * waits for those beside it, before everybody else.
 */
export function decideConvert(state: NamespaceState, op: Op<"convert">, now: Now): ConvertDecision {
  const { caller, request } = op;
  const session = liveSessionOf(state, caller);
  noteAnswered(state, session, request.answered);
  const fingerprint = convertFingerprint(request);
  const earlier = earlierOutcome(session, request.requestId, fingerprint);
  if (earlier !== undefined) return repeat(state, earlier.result, op, now);
  roomForAnswered(state, session);
  roomForOutcome(state, session);
  const found = heldOrOver(session, request);
  if ("over" in found) return settled(session, request, fingerprint, found.over);
  const { hold } = found;
  const from = targetOf(hold.targets, request.key);
  if (from === undefined) throw notItsKey(request);
  if (from.mode === request.mode)
    return settled(session, request, fingerprint, grantedAs(hold, hold.token));
  const to = { ...from, mode: request.mode };
  return change(state, { op, session, hold, from, to, fingerprint }, now);
}

function change(state: NamespaceState, conversion: Conversion, now: Now): ConvertDecision {
  const { session, hold, from, to } = conversion;
  const pending = state.tickets.get(hold.convertTicketId);
  if (pending !== undefined && targetOf(pending.targets, to.key) !== undefined)
    return deny(conversion, denied(DeniedReason.OWNER_BUSY));
  if (isWeaker(from.mode, to.mode)) {
    roomForNumber(state, session);
    return convert(state, conversion, now);
  }
  if (from.mode !== LockMode.UPGRADABLE || to.mode !== LockMode.EXCLUSIVE)
    return deny(conversion, denied(DeniedReason.UPGRADE_REFUSED));
  return strengthen(state, conversion, now);
}

/** To become EXCLUSIVE is to ask for a lock: whoever gets none does not get it like this either. */
function strengthen(state: NamespaceState, conversion: Conversion, now: Now): ConvertDecision {
  const { session, hold, to } = conversion;
  const { request } = conversion.op;
  if (state.quarantinedIdentities.has(session.principal))
    return deny(conversion, denied(DeniedReason.IDENTITY_QUARANTINED));
  if (!isAllowed(state, to)) return deny(conversion, denied(DeniedReason.LIMIT_MISMATCH));
  if (state.quarantinedKeys.has(to.key))
    return deny(conversion, denied(DeniedReason.KEY_QUARANTINED));
  const record = state.keys.get(to.key) as KeyRecord;
  if (now.monotonicMs >= state.grantsFromMs && convertFits(state, record, hold.id, to)) {
    roomForNumber(state, session, 2);
    return convert(state, conversion, now);
  }
  if (request.waitMs === 0n) return deny(conversion, taken(state, conversion, record, now));
  const busy = hold.owner === "" ? hold.convertTicketId !== 0n : session.busyOwners.has(hold.owner);
  if (busy) return deny(conversion, denied(DeniedReason.OWNER_BUSY));
  return enqueue(state, conversion, now);
}

function convert(state: NamespaceState, conversion: Conversion, now: Now): ConvertDecision {
  const { op, session, hold, to } = conversion;
  const draft = draftOf(state, conversion, now);
  const token = to.mode === LockMode.EXCLUSIVE ? draft.next : hold.token;
  draft.add({
    case: "holdConverted",
    value: {
      $typeName: "lockstep.v1.HoldConverted",
      holdId: hold.id,
      token,
      sessionId: session.id,
      requestId: op.request.requestId,
      ticketId: 0n,
      target: to,
    },
  });
  return replyWith(draft.events, replyOf(grantedAs(hold, token)));
}

function enqueue(state: NamespaceState, conversion: Conversion, now: Now): ConvertDecision {
  const { op, session, hold, to } = conversion;
  const { request, answerQueued } = op;
  roomForWaiter(state, session);
  roomForHold(state, session, { owner: hold.owner, targets: [to] });
  const draft = draftOf(state, conversion, now);
  const ticketId = draft.next;
  const capMs = BigInt(waitCapMs(state, [to]));
  const waitMs = request.waitMs < capMs ? request.waitMs : capMs;
  draft.add({
    case: "convertQueued",
    value: {
      $typeName: "lockstep.v1.ConvertQueued",
      ticketId,
      sessionId: session.id,
      requestId: request.requestId,
      holdId: hold.id,
      target: to,
      waitMs,
      deadlockPriority: request.deadlockPriority,
    },
  });
  if (!answerQueued) return { events: draft.events, answer: { kind: "waiting", ticketId } };
  const queued: Queued = {
    $typeName: "lockstep.v1.Queued",
    ticketId,
    position: 0,
    blockers: blockersOf(state, wishOf(conversion)),
    waitRemainingMs: waitMs,
  };
  return replyWith(draft.events, responseOf({ case: "queued", value: queued }));
}

/** Why it cannot be had now: for others who hold the key, or only for what lost holds still block. */
function taken(state: NamespaceState, conversion: Conversion, record: KeyRecord, now: Now): Denied {
  const { session, to } = conversion;
  const blockers = blockersOf(state, wishOf(conversion));
  if (record.holds.length === 1) {
    const pauseMs = Math.max(0, state.grantsFromMs - now.monotonicMs);
    const delayMs = Math.max(pauseMs, delayedForMs(record, to, now));
    return denied(DeniedReason.LOCK_DELAY, blockers, delayMs);
  }
  const { requestId } = conversion.op.request;
  const hintMs = retryAfterMs(state, [to], session.id, requestId);
  return denied(DeniedReason.CONTENDED, blockers, hintMs);
}

function wishOf({ hold, to }: Conversion) {
  return { targets: [to], convertOf: hold.id };
}

function isWeaker(from: LockMode, to: LockMode): boolean {
  if (from === LockMode.EXCLUSIVE) return to === LockMode.SHARED || to === LockMode.UPGRADABLE;
  return from === LockMode.UPGRADABLE && to === LockMode.SHARED;
}

function draftOf(state: NamespaceState, { op, session, fingerprint }: Conversion, now: Now): Draft {
  const { caller, request } = op;
  return new Draft(state.revision, now, {
    session,
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
}

function deny({ session, op, fingerprint }: Conversion, why: Denied): ConvertDecision {
  return settled(session, op.request, fingerprint, { kind: "denied", denied: why });
}

/** What makes no event is kept beside what does. */
function settled(
  session: SessionRecord,
  { requestId }: ConvertRequest,
  fingerprint: bigint,
  result: Result,
): ConvertDecision {
  session.outcomes.set(requestId, { fingerprint, result });
  return replyOnly(replyOf(result));
}

function repeat(
  state: NamespaceState,
  result: Result,
  { request, answerQueued }: Op<"convert">,
  now: Now,
): ConvertDecision {
  switch (result.kind) {
    case "granted":
    case "denied":
    case "notHeld":
      return replyOnly(replyOf(result));
    case "refused":
      return replyOnly(replyOf({ kind: "denied", denied: denied(DeniedReason.CANCELLED) }));
    case "waiting": {
      const { ticketId } = result;
      if (!answerQueued) return { events: [], answer: { kind: "waiting", ticketId } };
      const value = queuedView(state, ticketId, now);
      return replyOnly(responseOf({ case: "queued", value }));
    }
    default:
      throw idReused(request.requestId);
  }
}

function grantedAs({ id, count }: Hold, token: bigint): Result {
  return { kind: "granted", holdId: id, token, count };
}

/** The reply of a Convert that waits no more. */
function replyOf(result: Result): ConvertResponse {
  switch (result.kind) {
    case "granted":
      return responseOf({ case: "granted", value: grantedView(result) });
    case "denied":
      return responseOf({ case: "denied", value: result.denied });
    case "notHeld":
      return responseOf({ case: "notHeld", value: notHeldView(result) });
    default:
      throw new InvariantError(`a Convert ended as ${result.kind}`);
  }
}

function responseOf(outcome: ConvertResponse["outcome"]): ConvertResponse {
  return { $typeName: "lockstep.v1.ConvertResponse", outcome };
}

function notItsKey({ key, holdId }: ConvertRequest): Refusal {
  return new Refusal(
    RefusalCode.INVALID_ARGUMENT,
    ErrorReason.INVALID_FIELD,
    `key ${JSON.stringify(key)} is not one of hold ${holdId}: convert a key that the hold has`,
    { field: "key", rule: "must be one of the hold's keys" },
  );
}
