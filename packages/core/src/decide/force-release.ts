import { ErrorReason, type ForceReleaseResponse, LossReason } from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import { delayRemainingMs } from "../state/delay.ts";
import type { LostHold, NamespaceState } from "../state/state.ts";
import { remainingMs } from "../view/remaining.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { addLost } from "./endings.ts";

/**
 * Ends a hold by an operator's word. Its keys stay blocked until the client must have noticed,
 * otherwise the old and the new holder would both believe.
 */
export function decideForceRelease(
  state: NamespaceState,
  { principal, request }: Op<"forceRelease">,
  now: Now,
): Decision<"forceRelease"> {
  const { key, expectedToken } = request;
  const record = state.keys.get(key);
  const hold = record?.holds.find(({ token }) => token === expectedToken);
  if (hold !== undefined) {
    const draft = new Draft(state.revision, now, {
      actor: principal,
      correlationId: request.correlationId,
      reason: request.reason,
    });
    addLost(draft, hold, LossReason.FORCE_RELEASED, true);
    const session = state.sessions.get(hold.sessionId);
    const delayMs = (session?.renewedAtMs ?? 0) + (session?.ttlMs ?? 0) - now.monotonicMs;
    return replyWith(draft.events, response(hold.id, delayMs));
  }
  const delay = record?.delays.find((one) => one.hold.token === expectedToken);
  if (delay !== undefined) {
    return replyOnly(response(delay.hold.id, delayRemainingMs(delay, now.monotonicMs)));
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

/** A repeat is answered as done. Rare, so it may look at every session. */
function forceReleasedBefore(
  state: NamespaceState,
  key: string,
  token: bigint,
): LostHold | undefined {
  for (const { lost } of state.sessions.values()) {
    // A hold has the id of its first token.
    const found = lost.get(token);
    if (
      found?.reason === LossReason.FORCE_RELEASED &&
      found.hold.targets.some((target) => target.key === key)
    ) {
      return found;
    }
  }
  return undefined;
}

function response(holdId: bigint, delayMs: number): ForceReleaseResponse {
  return {
    $typeName: "lockstep.v1.ForceReleaseResponse",
    holdId,
    delayRemainingMs: remainingMs(delayMs),
  };
}
