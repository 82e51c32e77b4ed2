import {
  HoldEnd,
  LossReason,
  type StoredDelay,
  type StoredHold,
  type StoredKeyQuarantine,
  type StoredPastHold,
  type StoredTicket,
  TicketEnd,
} from "@lockstep/protocol";
import { invariant } from "../apply/invariant.ts";
import {
  holdBytes,
  keyOf,
  own,
  rememberReleased,
  sessionOf,
  ticketBytes,
} from "../apply/records.ts";
import type { Delay } from "../state/delay.ts";
import { type Hold, lossTerms, NO_TOKENS } from "../state/hold.ts";
import { keptBytes, keptIds, keptMetadata, keptTargets, keptTerms } from "../state/kept.ts";
import { addDelay, addHold, addWaiter, setQuarantine } from "../state/key.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Ticket } from "../state/ticket.ts";
import { damaged } from "./snapshot-error.ts";

/** Puts a live hold back, with its session and its keys. */
export function restoreHold(state: NamespaceState, stored: StoredHold): void {
  const session = sessionOf(state, stored.sessionId);
  const hold = holdOf(session, stored);
  const others = state.holds.size;
  state.holds.set(hold.id, hold);
  invariant(state.holds.size > others, () => `hold ${hold.id} is there twice`);
  invariant(hold.end === HoldEnd.UNSPECIFIED, () => `hold ${hold.id} is live and over`);
  session.holds.set(hold.id, hold);
  session.heldBytes += holdBytes(hold);
  if (hold.owner !== "") own(session, hold);
  for (const target of hold.targets) addHold(keyOf(state, target.key), hold, target);
  if (hold.maxHoldMs === 0) return;
  state.limitedHolds += 1;
  if (hold.servedFromMs === undefined) state.uncountedHolds.add(hold);
}

/** Puts a hold back that is over and remembered. */
export function restorePastHold(state: NamespaceState, stored: StoredPastHold): void {
  if (stored.hold === undefined) throw damaged("a hold that is over is missing");
  const session = sessionOf(state, stored.hold.sessionId);
  const hold = holdOf(session, stored.hold);
  if (stored.lostReason === LossReason.UNSPECIFIED) rememberReleased(session, hold);
  else session.lost.set(hold.id, { hold, reason: stored.lostReason });
}

/** Puts a waiting request back, with its session, its keys and the hold it wants to convert. */
export function restoreTicket(state: NamespaceState, stored: StoredTicket): void {
  const ticket: Ticket = {
    id: stored.ticketId,
    sessionId: stored.sessionId,
    requestId: stored.requestId,
    owner: stored.owner,
    targets: keptTargets(stored.targets),
    queuedAtMs: Number(stored.queuedAtMs),
    correlationId: stored.correlationId,
    fingerprint: stored.contentFingerprint,
    waitMs: Number(stored.waitMs),
    deadlockPriority: stored.deadlockPriority,
    terms: keptTerms(stored.terms),
    convertOf: stored.convertOf,
    deadlineMs: Number.POSITIVE_INFINITY,
  };
  const session = sessionOf(state, ticket.sessionId);
  invariant(!state.tickets.has(ticket.id), () => `ticket ${ticket.id} is there twice`);
  state.tickets.set(ticket.id, ticket);
  session.tickets.set(ticket.id, ticket);
  session.heldBytes += ticketBytes(ticket);
  if (ticket.owner !== "") session.busyOwners.set(ticket.owner, ticket.id);
  for (const target of ticket.targets) addWaiter(keyOf(state, target.key), ticket, target);
  if (stored.doomed !== TicketEnd.UNSPECIFIED) state.doomed.set(ticket.id, stored.doomed);
  const converted = state.holds.get(ticket.convertOf);
  if (converted !== undefined) converted.convertTicketId = ticket.id;
}

/** Puts a lost hold back that blocks its keys. */
export function restoreDelay(state: NamespaceState, stored: StoredDelay): void {
  if (stored.hold === undefined) throw damaged("the hold of a delay is missing");
  const session = sessionOf(state, stored.hold.sessionId);
  const hold = session.lost.get(stored.hold.holdId)?.hold ?? holdOf(session, stored.hold);
  const delay: Delay = {
    hold,
    reason: stored.reason,
    lostRevision: stored.lostRevision,
    lostAtMs: Number(stored.lostAtMs),
    confirmMs: Number(stored.confirmMs),
    lockDelayMs: Number(stored.lockDelayMs),
    servedFromMs: optionalNumber(stored.servedFromMs),
    unconfirmedUntilMs: Number.POSITIVE_INFINITY,
    lockDelayUntilMs: Number.POSITIVE_INFINITY,
  };
  invariant(!state.delays.has(hold.id), () => `the delay of hold ${hold.id} is there twice`);
  state.delays.set(hold.id, delay);
  session.delays.set(hold.id, delay);
  if (delay.servedFromMs === undefined) state.uncountedDelays.add(delay);
  for (const target of hold.targets) addDelay(keyOf(state, target.key), delay, target);
}

/** Puts the quarantine of a key back. */
export function restoreQuarantinedKey(
  state: NamespaceState,
  { key, quarantine }: StoredKeyQuarantine,
): void {
  if (quarantine === undefined)
    throw damaged(`the quarantine of key ${JSON.stringify(key)} is missing`);
  const { revision, holdId, token, sessionId, reason, sinceAtMs } = quarantine;
  const sinceMs = Number(sinceAtMs);
  setQuarantine(keyOf(state, key), { revision, holdId, token, sessionId, reason, sinceMs });
  state.quarantinedKeys.add(key);
  state.quarantinedKeyOrder.note(key);
}

/** Numbers and collections that are equal to others of the state are shared with them, as in `newHold`. */
function holdOf(session: SessionRecord, stored: StoredHold): Hold {
  const { releaseAsked, earlierTokens } = stored;
  return {
    id: stored.holdId,
    token: stored.token === stored.holdId ? stored.holdId : stored.token,
    earlierTokens: earlierTokens.length === 0 ? NO_TOKENS : earlierTokens,
    sessionId: session.id,
    requestIds: keptIds(stored.requestIds),
    owner: stored.owner,
    targets: keptTargets(stored.targets),
    count: stored.count,
    maxHoldMs: Number(stored.maxHoldMs),
    onLoss: lossTerms(stored.onLoss),
    value: keptBytes(stored.value),
    metadata: keptMetadata(stored.metadata),
    grantedAtMs: Number(stored.grantedAtMs),
    correlationId: stored.correlationId,
    convertTicketId: 0n,
    releaseAsked:
      releaseAsked === undefined
        ? undefined
        : {
            revision: releaseAsked.revision,
            atMs: Number(releaseAsked.askedAtMs),
            actor: releaseAsked.actor,
            reason: releaseAsked.reason,
          },
    end: stored.end,
    servedFromMs: optionalNumber(stored.servedFromMs),
    heldUntilMs: undefined,
  };
}

function optionalNumber(value: bigint | undefined): number | undefined {
  return value === undefined ? undefined : Number(value);
}
