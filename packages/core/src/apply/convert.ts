import {
  type ConvertQueued,
  type Event,
  type HoldConverted,
  HoldEnd,
  type HoldTransferred,
  type HoldValueSet,
  type LockTarget,
  type ReleaseRequested,
} from "@lockstep/protocol";
import { noteRequest, renewToken } from "../state/hold.ts";
import { keptBytes, keptTarget, keptTargets } from "../state/kept.ts";
import { changeMode, targetOf } from "../state/key.ts";
import { noteNews } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { InvariantError, invariant } from "./invariant.ts";
import { addTicket } from "./lock.ts";
import {
  changeHold,
  freed,
  holdOf,
  keep,
  keepCause,
  keyOf,
  rememberReleased,
  sessionOf,
  takeHold,
  takeTicket,
} from "./records.ts";

export function applyConvertQueued(state: NamespaceState, event: Event, body: ConvertQueued): void {
  const hold = holdOf(state, body.holdId);
  invariant(hold.convertTicketId === 0n, () => `two Converts wait for hold ${hold.id}`);
  invariant(body.target !== undefined, () => `ticket ${body.ticketId} waits for no key`);
  addTicket(state, {
    id: body.ticketId,
    sessionId: body.sessionId,
    requestId: body.requestId,
    owner: hold.owner,
    targets: keptTargets([body.target as LockTarget]),
    queuedAtMs: Number(event.decidedAtMs),
    correlationId: event.correlationId,
    fingerprint: event.journalOnly?.contentFingerprint ?? 0n,
    waitMs: Number(body.waitMs),
    deadlockPriority: body.deadlockPriority,
    terms: undefined,
    convertOf: hold.id,
    deadlineMs: Number.POSITIVE_INFINITY,
  });
  hold.convertTicketId = body.ticketId;
}

export function applyHoldConverted(state: NamespaceState, event: Event, body: HoldConverted): void {
  const ticket = body.ticketId === 0n ? undefined : takeTicket(state, body.ticketId);
  const hold = holdOf(state, body.holdId);
  const to = body.target;
  const from = targetOf(hold.targets, to?.key ?? "");
  if (from === undefined || to === undefined)
    throw new InvariantError(`hold ${hold.id} was converted in a key it does not have`);
  invariant(
    body.token === hold.token || body.token === event.revision,
    () =>
      `token ${body.token} is neither that of hold ${hold.id} nor its revision ${event.revision}`,
  );
  changeHold(state, hold, () => {
    hold.targets = hold.targets.map((target) => (target === from ? keptTarget(to) : target));
    if (body.token !== hold.token) renewToken(hold, body.token);
    noteRequest(hold, body.requestId);
  });
  changeMode(keyOf(state, to.key), from, to);
  freed(state, [to]);
  const fingerprint = ticket?.fingerprint ?? event.journalOnly?.contentFingerprint ?? 0n;
  const { id, token, count } = hold;
  const session = sessionOf(state, hold.sessionId);
  keep(session, body.requestId, fingerprint, { kind: "granted", holdId: id, token, count });
}

/** Ends a hold that was given away. The grant of the one who gets it is the next event. */
export function applyHoldTransferred(
  state: NamespaceState,
  event: Event,
  body: HoldTransferred,
): void {
  const { session, hold } = takeHold(state, event, body.holdId, HoldEnd.TRANSFERRED);
  rememberReleased(session, hold);
  const holdId = event.revision + 1n;
  keepCause(session, event, { kind: "transferred", holdId, token: holdId, count: 1 });
}

export function applyHoldValueSet(state: NamespaceState, event: Event, body: HoldValueSet): void {
  const hold = holdOf(state, body.holdId);
  changeHold(state, hold, () => {
    hold.value = keptBytes(body.value);
  });
  keepCause(sessionOf(state, hold.sessionId), event, { kind: "valueSet" });
}

export function applyReleaseRequested(
  state: NamespaceState,
  event: Event,
  body: ReleaseRequested,
): void {
  const hold = holdOf(state, body.holdId);
  hold.releaseAsked = {
    revision: event.revision,
    atMs: Number(event.decidedAtMs),
    actor: event.actor,
    reason: event.reason,
  };
  noteNews(sessionOf(state, hold.sessionId), event.revision);
}
