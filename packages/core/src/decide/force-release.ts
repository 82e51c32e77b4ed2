import {
  DelayEndCause,
  ErrorReason,
  type ForceReleaseResponse,
  LossReason,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import { delayRemainingMs } from "../state/delay.ts";
import type { Hold, LostHold } from "../state/hold.ts";
import { targetOf } from "../state/key.ts";
import type { NamespaceState } from "../state/state.ts";
import { remainingMs } from "../view/remaining.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { addDelayEnded, addLost } from "./endings.ts";

/**
 * Ends a hold by an operator's word. Its keys stay blocked until the client must have noticed,
 * otherwise the old and the new holder would both believe; only who knows that the client is dead asks
 * for them at once.
 */
export function decideForceRelease(
  state: NamespaceState,
  { principal, request }: Op<"forceRelease">,
  now: Now,
): Decision<"forceRelease"> {
  const { key, expectedToken, immediate } = request;
  const record = state.keys.get(key);
  const draft = new Draft(state.revision, now, {
    actor: principal,
    correlationId: request.correlationId,
    reason: request.reason,
  });
  const hold = record?.holds.find(({ token }) => token === expectedToken);
  if (hold !== undefined) {
    addLost(draft, hold, LossReason.FORCE_RELEASED, immediate);
    return replyWith(draft.events, response(hold.id, immediate ? 0 : delayMs(state, hold, now)));
  }
  const delay = record?.delays.find((one) => one.hold.token === expectedToken);
  if (delay !== undefined) {
    if (!immediate)
      return replyOnly(response(delay.hold.id, delayRemainingMs(delay, now.monotonicMs)));
    addDelayEnded(draft, delay, DelayEndCause.FORCED);
    return replyWith(draft.events, response(delay.hold.id, 0));
  }
  const past = forceReleasedBefore(state, key, expectedToken);
  if (past !== undefined) return replyOnly(response(past.hold.id, 0));
  const token = record?.holds[0]?.token ?? 0n;
  throw new Refusal(
    RefusalCode.FAILED_PRECONDITION,
    ErrorReason.TOKEN_MISMATCH,
    token === 0n
      ? `key ${JSON.stringify(key)} is not held with token ${expectedToken}, nor with any other`
      : `key ${JSON.stringify(key)} is held with token ${token}, not ${expectedToken}: look at the holder again`,
    { token: String(token) },
  );
}

/** How long the keys of a hold that is lost now stay blocked. */
function delayMs(state: NamespaceState, { sessionId, onLoss }: Hold, now: Now): number {
  const session = state.sessions.get(sessionId);
  const confirmMs = (session?.renewedAtMs ?? 0) + (session?.ttlMs ?? 0) - now.monotonicMs;
  return Math.max(confirmMs, onLoss.delayMs);
}

/** A repeat is answered as done. Rare, so it may look at every session. */
function forceReleasedBefore(
  state: NamespaceState,
  key: string,
  token: bigint,
): LostHold | undefined {
  for (const { lost } of state.sessions.values()) {
    for (const one of lost.values()) {
      if (one.hold.token !== token || one.reason !== LossReason.FORCE_RELEASED) continue;
      return targetOf(one.hold.targets, key) === undefined ? undefined : one;
    }
  }
  return undefined;
}

function response(holdId: bigint, delayRemainingMs: number): ForceReleaseResponse {
  return {
    $typeName: "lockstep.v1.ForceReleaseResponse",
    holdId,
    delayRemainingMs: remainingMs(delayRemainingMs),
  };
}
