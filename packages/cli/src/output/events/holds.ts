import {
  DelayEndCause,
  type DelayEnded,
  type HoldConverted,
  type HoldCountChanged,
  type HoldTransferred,
  type HoldValueSet,
  type LockGranted,
  type LockLost,
  type LockReleased,
  LossReason,
  type ReleaseRequested,
} from "@lockstep/protocol";
import { nameIn } from "../name-in.ts";
import { durationText } from "../time.ts";
import { valueText } from "../value-text.ts";
import { type Facts, ifSo, targetFacts, unlessZero } from "./facts.ts";

/** Events of locks that are held, and of what they leave. */
export const holdEvents = {
  lockGranted: (granted: LockGranted): Facts => ({
    ...holdFacts(granted),
    owner: granted.owner,
    ticket: unlessZero(granted.ticketId),
    from: unlessZero(granted.transferredFrom),
    max: granted.terms?.maxHoldMs ? durationText(granted.terms.maxHoldMs) : "",
  }),
  holdCountChanged: ({ targets, holdId, sessionId, count }: HoldCountChanged): Facts => ({
    ...targetFacts(targets),
    hold: String(holdId),
    session: String(sessionId),
    count: String(count),
  }),
  holdConverted: ({ target, holdId, token, sessionId, ticketId }: HoldConverted): Facts => ({
    ...targetFacts(target ? [target] : []),
    hold: String(holdId),
    token: String(token),
    session: String(sessionId),
    ticket: unlessZero(ticketId),
  }),
  holdTransferred: (transferred: HoldTransferred): Facts => ({
    ...holdFacts(transferred),
    to: String(transferred.toSessionId),
  }),
  holdValueSet: ({ targets, holdId, sessionId, value }: HoldValueSet): Facts => ({
    ...targetFacts(targets),
    hold: String(holdId),
    session: String(sessionId),
    value: valueText(value),
  }),
  releaseRequested: (requested: ReleaseRequested): Facts => holdFacts(requested),
  lockReleased: (released: LockReleased): Facts => holdFacts(released),
  lockLost: (lost: LockLost): Facts => ({
    ...holdFacts(lost),
    reason: nameIn(LossReason, lost.reason),
    delayed: ifSo(lost.delayed),
    delay: lost.lockDelayMs > 0n ? durationText(lost.lockDelayMs) : "",
    quarantined: ifSo(lost.quarantined),
    immediate: ifSo(lost.immediate),
  }),
  delayEnded: ({ targets, holdId, cause }: DelayEnded): Facts => ({
    ...targetFacts(targets),
    hold: String(holdId),
    cause: nameIn(DelayEndCause, cause),
  }),
};

function holdFacts({
  targets,
  token,
  sessionId,
}: LockReleased | LockLost | LockGranted | HoldTransferred | ReleaseRequested): Facts {
  return { ...targetFacts(targets), token: String(token), session: String(sessionId) };
}
