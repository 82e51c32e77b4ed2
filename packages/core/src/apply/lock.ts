import {
  type AcquireRefused,
  CancelOutcome,
  type Event,
  type HoldCountChanged,
  HoldEnd,
  type LockGranted,
  type LockQueued,
  type LockReleased,
  type LockTarget,
  LossReason,
  ReleaseOutcome,
  SessionState,
  TicketEnd,
  type TicketEnded,
} from "@lockstep/protocol";
import { deniedAs } from "../state/denied.ts";
import {
  type Hold,
  lossTerms,
  NO_METADATA,
  NO_TOKENS,
  NO_VALUE,
  noteRequest,
} from "../state/hold.ts";
import { keptBytes, keptMetadata, keptTargets, keptTerms } from "../state/kept.ts";
import { addHold, addWaiter } from "../state/key.ts";
import type { Result } from "../state/outcome.ts";
import { permitsOf } from "../state/policies.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { admits, NOBODY } from "../state/tally.ts";
import type { Ticket } from "../state/ticket.ts";
import { InvariantError, invariant } from "./invariant.ts";
import {
  changeHold,
  freed,
  holdBytes,
  holdOf,
  keep,
  keepCause,
  keyOf,
  own,
  rememberReleased,
  sessionOf,
  takeHold,
  takeTicket,
  ticketBytes,
} from "./records.ts";

export function applyLockQueued(state: NamespaceState, event: Event, body: LockQueued): void {
  addTicket(state, {
    id: body.ticketId,
    sessionId: body.sessionId,
    requestId: body.requestId,
    owner: body.owner,
    targets: keptTargets(body.targets),
    queuedAtMs: Number(event.decidedAtMs),
    correlationId: event.correlationId,
    fingerprint: event.journalOnly?.contentFingerprint ?? 0n,
    waitMs: Number(body.waitMs),
    deadlockPriority: body.deadlockPriority,
    terms: keptTerms(body.terms),
    convertOf: 0n,
    deadlineMs: Number.POSITIVE_INFINITY,
  });
}

/** Lets an Acquire or a Convert wait. */
export function addTicket(state: NamespaceState, ticket: Ticket): void {
  const session = liveSessionOf(state, ticket.sessionId, "began to wait");
  state.tickets.set(ticket.id, ticket);
  session.tickets.set(ticket.id, ticket);
  session.heldBytes += ticketBytes(ticket);
  if (ticket.owner !== "") session.busyOwners.set(ticket.owner, ticket.id);
  for (const target of ticket.targets) {
    const record = keyOf(state, target.key);
    invariant(
      ticket.convertOf === 0n || record.convert === undefined,
      () => `two Converts wait for key ${JSON.stringify(target.key)}`,
    );
    addWaiter(record, ticket, target);
  }
  keep(session, ticket.requestId, ticket.fingerprint, { kind: "waiting", ticketId: ticket.id });
}

export function applyLockGranted(state: NamespaceState, event: Event, body: LockGranted): void {
  const session = liveSessionOf(state, body.sessionId, "was granted a lock");
  const ticket = body.ticketId === 0n ? undefined : takeTicket(state, body.ticketId);
  const hold = newHold(session, event, body);
  if (hold.token !== event.revision)
    throw new InvariantError(`token ${hold.token} is not its revision ${event.revision}`);
  for (const target of hold.targets) {
    const record = keyOf(state, target.key);
    if (!admits(record.taken, NOBODY, target, limitOf(state, target, body)))
      throw new InvariantError(`key ${JSON.stringify(target.key)} was granted twice`);
    if (record.quarantine !== undefined)
      throw new InvariantError(
        `key ${JSON.stringify(target.key)} was granted while it is quarantined`,
      );
    addHold(record, hold, target);
  }
  // Earlier servers gave holds away in the pause, too: a transfer does not show that it was over.
  if (body.transferredFrom === 0n) state.grantPauseMs = 0;
  state.holds.set(hold.id, hold);
  session.holds.set(hold.id, hold);
  session.heldBytes += holdBytes(hold);
  if (hold.owner !== "") own(session, hold);
  if (hold.maxHoldMs > 0) {
    state.limitedHolds += 1;
    state.uncountedHolds.add(hold);
  }
  const fingerprint = ticket?.fingerprint ?? event.journalOnly?.contentFingerprint ?? 0n;
  keep(session, body.requestId, fingerprint, grantedResult(hold));
}

export function applyHoldCountChanged(
  state: NamespaceState,
  event: Event,
  body: HoldCountChanged,
): void {
  const hold = holdOf(state, body.holdId);
  const session = sessionOf(state, hold.sessionId);
  const entered = body.enteredRequestId !== 0n;
  invariant(
    body.count >= 1 && body.count === hold.count + (entered ? 1 : -1),
    () => `hold ${hold.id} cannot count ${body.count} after ${hold.count}`,
  );
  hold.count = body.count;
  if (entered) {
    changeHold(state, hold, () => noteRequest(hold, body.enteredRequestId));
    keepCause(session, event, grantedResult(hold));
    return;
  }
  keepCause(session, event, {
    kind: "release",
    outcome: ReleaseOutcome.STILL_HELD,
    reason: LossReason.UNSPECIFIED,
    count: hold.count,
  });
}

export function applyTicketEnded(state: NamespaceState, event: Event, body: TicketEnded): void {
  const session = sessionOf(state, body.sessionId);
  const ticket = takeTicket(state, body.ticketId);
  freed(state, ticket.targets);
  if (session.state !== SessionState.ACTIVE) return;
  keep(session, ticket.requestId, ticket.fingerprint, endedResult(session, ticket, body));
  if (body.end === TicketEnd.CANCELLED) {
    keepCause(session, event, {
      kind: "cancel",
      outcome: CancelOutcome.CANCELLED,
      grant: undefined,
    });
  }
}

export function applyAcquireRefused(
  state: NamespaceState,
  event: Event,
  body: AcquireRefused,
): void {
  const session = sessionOf(state, body.sessionId);
  keep(session, body.acquireRequestId, 0n, { kind: "refused" });
  keepCause(session, event, {
    kind: "cancel",
    outcome: CancelOutcome.UNKNOWN_REQUEST,
    grant: undefined,
  });
}

export function applyLockReleased(state: NamespaceState, event: Event, body: LockReleased): void {
  const { session, hold } = takeHold(state, event, body.holdId, HoldEnd.RELEASED);
  rememberReleased(session, hold);
  if (session.state !== SessionState.ACTIVE) return;
  keepCause(session, event, RELEASED);
}

/** What becomes of most releases. */
const RELEASED: Result = Object.freeze({
  kind: "release",
  outcome: ReleaseOutcome.RELEASED,
  reason: LossReason.UNSPECIFIED,
  count: 0,
});

/** A policy takes nothing from anybody: what is given away may be more than it offers by now. */
function limitOf(state: NamespaceState, target: LockTarget, body: LockGranted): number {
  return body.transferredFrom === 0n ? permitsOf(state, target.key) : Number.POSITIVE_INFINITY;
}

/** Of a million holds each number counts that is there twice: a decoded one is another. */
function newHold(session: SessionRecord, event: Event, body: LockGranted): Hold {
  const { terms } = body;
  return {
    id: body.holdId,
    token: body.token === body.holdId ? body.holdId : body.token,
    earlierTokens: NO_TOKENS,
    sessionId: session.id,
    requestIds: [body.requestId],
    owner: body.owner,
    targets: keptTargets(body.targets),
    count: 1,
    maxHoldMs: Number(terms?.maxHoldMs ?? 0n),
    onLoss: lossTerms(terms?.onLoss),
    value: terms === undefined ? NO_VALUE : keptBytes(terms.value),
    metadata: terms === undefined ? NO_METADATA : keptMetadata(terms.metadata),
    grantedAtMs: Number(event.decidedAtMs),
    correlationId: event.correlationId,
    convertTicketId: 0n,
    releaseAsked: undefined,
    end: HoldEnd.UNSPECIFIED,
    servedFromMs: undefined,
    heldUntilMs: undefined,
  };
}

function grantedResult({ id, token, count }: Hold): Result {
  return { kind: "granted", holdId: id, token, count };
}

/** A Convert whose hold was lost or given away is told so; that of a released one counts as cancelled. */
function endedResult(session: SessionRecord, ticket: Ticket, body: TicketEnded): Result {
  if (body.end === TicketEnd.HOLD_ENDED) {
    const lost = session.lost.get(ticket.convertOf);
    if (lost !== undefined) return { kind: "notHeld", end: HoldEnd.LOST, reason: lost.reason };
    const end = session.released.get(ticket.convertOf)?.end;
    if (end === HoldEnd.TRANSFERRED)
      return { kind: "notHeld", end, reason: LossReason.UNSPECIFIED };
  }
  return { kind: "denied", denied: deniedAs(body) };
}

function liveSessionOf(state: NamespaceState, sessionId: bigint, what: string): SessionRecord {
  const session = sessionOf(state, sessionId);
  if (session.state !== SessionState.ACTIVE)
    throw new InvariantError(`ended session ${session.id} ${what}`);
  return session;
}
