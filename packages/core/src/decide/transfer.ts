import { DeniedReason, type TransferRequest, type TransferResponse } from "@lockstep/protocol";
import { InvariantError } from "../apply/invariant.ts";
import type { Now, Op } from "../op.ts";
import { denied } from "../state/denied.ts";
import type { Hold } from "../state/hold.ts";
import type { Result } from "../state/outcome.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Ticket } from "../state/ticket.ts";
import { grantedView } from "../view/acquire.ts";
import { isSame } from "./acquire-rules.ts";
import {
  earlierOutcome,
  idReused,
  liveSessionOf,
  noteAnswered,
  roomForAnswered,
  roomForOutcome,
} from "./admission.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { transferFingerprint } from "./fingerprint.ts";
import { addGranted } from "./grants.ts";
import { heldOrOver, notHeldView } from "./hold-of.ts";

/**
 * Gives a hold to a waiter, past everybody else who waits: the old hold is over whatever it counts, and
 * the waiter has a new one under terms of its own.
 */
export function decideTransfer(
  state: NamespaceState,
  { caller, request }: Op<"transfer">,
  now: Now,
): Decision<"transfer"> {
  const session = liveSessionOf(state, caller);
  noteAnswered(state, session, request.answered);
  const fingerprint = transferFingerprint(request);
  const earlier = earlierOutcome(session, request.requestId, fingerprint)?.result;
  if (earlier !== undefined) return replyOnly(repeated(request, earlier));
  roomForAnswered(state, session);
  roomForOutcome(state, session);
  const found = heldOrOver(session, request);
  if ("over" in found) return settled(session, request, fingerprint, found.over);
  const { hold } = found;
  const waiter = waiterFor(state, hold, request);
  if (waiter === undefined) {
    const why = denied(DeniedReason.NO_SUCH_WAITER);
    return settled(session, request, fingerprint, { kind: "denied", denied: why });
  }
  const pauseMs = state.grantsFromMs - now.monotonicMs;
  if (pauseMs > 0) {
    const why = denied(DeniedReason.LOCK_DELAY, [], pauseMs);
    return settled(session, request, fingerprint, { kind: "denied", denied: why });
  }
  const draft = new Draft(state.revision, now, {
    session,
    actor: caller.principal,
    correlationId: request.correlationId,
    requestId: request.requestId,
    fingerprint,
  });
  addTransferred(draft, hold, request);
  const holdId = draft.next;
  addGranted(state, draft, waiter, hold.id);
  const granted = { kind: "transferred", holdId, token: holdId, count: 1 } as const;
  return replyWith(draft.events, replyOf(granted));
}

/** The waiting Acquire a Transfer names, when it asks for just what the hold has. */
function waiterFor(
  state: NamespaceState,
  hold: Hold,
  { toSessionId, toRequestId }: TransferRequest,
): Ticket | undefined {
  const result = state.sessions.get(toSessionId)?.outcomes.get(toRequestId)?.result;
  const ticket = result?.kind === "waiting" ? state.tickets.get(result.ticketId) : undefined;
  // No Convert is the same: it waits for EXCLUSIVE beside a hold, which nobody else can have then.
  return ticket !== undefined && isSame(ticket.targets, hold.targets) ? ticket : undefined;
}

function addTransferred(
  draft: Draft,
  hold: Hold,
  { toSessionId, toRequestId }: TransferRequest,
): void {
  draft.add({
    case: "holdTransferred",
    value: {
      $typeName: "lockstep.v1.HoldTransferred",
      holdId: hold.id,
      token: hold.token,
      sessionId: hold.sessionId,
      targets: [...hold.targets],
      toSessionId,
      toRequestId,
    },
  });
}

/** What makes no event is kept beside what does. */
function settled(
  session: SessionRecord,
  { requestId }: TransferRequest,
  fingerprint: bigint,
  result: Result,
): Decision<"transfer"> {
  session.outcomes.set(requestId, { fingerprint, result });
  return replyOnly(replyOf(result));
}

function repeated({ requestId }: TransferRequest, result: Result): TransferResponse {
  if (result.kind === "refused") throw idReused(requestId);
  return replyOf(result);
}

function replyOf(result: Result): TransferResponse {
  switch (result.kind) {
    case "transferred":
      return responseOf({ case: "granted", value: grantedView(result) });
    case "denied":
      return responseOf({ case: "denied", value: result.denied });
    case "notHeld":
      return responseOf({ case: "notHeld", value: notHeldView(result) });
    default:
      throw new InvariantError(`a Transfer ended as ${result.kind}`);
  }
}

function responseOf(outcome: TransferResponse["outcome"]): TransferResponse {
  return { $typeName: "lockstep.v1.TransferResponse", outcome };
}
