import type {
  HoldTerms,
  KeyQuarantine,
  NotHeld,
  StoredDelay,
  StoredHold,
  StoredOutcome,
  StoredSession,
  StoredTicket,
} from "@lockstep/protocol";
import { TicketEnd } from "@lockstep/protocol";
import type { Delay } from "../state/delay.ts";
import { type Hold, NO_VALUE, type PastHold } from "../state/hold.ts";
import type { KeyQuarantineRecord } from "../state/key.ts";
import type { Outcome } from "../state/outcome.ts";
import { secretBytes } from "../state/secret-key.ts";
import type { SessionRecord } from "../state/session.ts";
import type { Ticket } from "../state/ticket.ts";
import { grantedView } from "../view/acquire.ts";
import { releaseAskedView } from "../view/hold.ts";

// What the state knows, in the messages of a snapshot. The way back stands in from-messages.ts.

/** `endedPlace` is its place among the ended ones; 0 of a live one. */
export function sessionMessage(session: SessionRecord, endedPlace: number): StoredSession {
  return {
    $typeName: "lockstep.storage.v1.StoredSession",
    sessionId: session.id,
    principal: session.principal,
    secretSha256: secretBytes(session.secretKey),
    ttlMs: BigInt(session.ttlMs),
    displayName: session.displayName,
    metadata: sorted(session.metadata),
    openedAtMs: BigInt(session.openedAtMs),
    state: session.state,
    endedAtMs: BigInt(session.endedAtMs),
    endedPlace: BigInt(endedPlace),
    // Its client cannot have been told of a later one, and need not be told of earlier ones.
    lastNews: session.news.at(-1) ?? 0n,
    answered: session.answered.toRanges(),
  };
}

export function outcomeMessage(
  sessionId: bigint,
  requestId: bigint,
  { fingerprint, result }: Outcome,
): StoredOutcome {
  return {
    $typeName: "lockstep.storage.v1.StoredOutcome",
    sessionId,
    requestId,
    contentFingerprint: fingerprint,
    result: resultMessage(result),
  };
}

function resultMessage(result: Outcome["result"]): StoredOutcome["result"] {
  switch (result.kind) {
    case "waiting":
      return { case: "waitingTicketId", value: result.ticketId };
    case "granted":
      return { case: "granted", value: grantedView(result) };
    case "transferred":
      return { case: "transferred", value: grantedView(result) };
    case "denied":
      return { case: "denied", value: result.denied };
    case "notHeld":
      return { case: "notHeld", value: notHeldMessage(result) };
    case "release":
      return {
        case: "release",
        value: {
          $typeName: "lockstep.v1.ReleaseResponse",
          outcome: result.outcome,
          lostReason: result.reason,
          count: result.count,
        },
      };
    case "cancel":
      return {
        case: "cancel",
        value: {
          $typeName: "lockstep.v1.CancelAcquireResponse",
          outcome: result.outcome,
          ...(result.grant === undefined ? {} : { granted: grantedView(result.grant) }),
        },
      };
    case "refused":
      return { case: "refused", value: { $typeName: "lockstep.storage.v1.StoredRefusal" } };
    case "valueSet":
      return { case: "valueSet", value: { $typeName: "lockstep.storage.v1.StoredValueSet" } };
  }
}

function notHeldMessage({ end, reason }: Extract<Outcome["result"], { kind: "notHeld" }>): NotHeld {
  return { $typeName: "lockstep.v1.NotHeld", end, lostReason: reason };
}

export function holdMessage(hold: Hold): StoredHold {
  return {
    $typeName: "lockstep.storage.v1.StoredHold",
    holdId: hold.id,
    token: hold.token,
    earlierTokens: [...hold.earlierTokens],
    sessionId: hold.sessionId,
    requestIds: [...hold.requestIds],
    owner: hold.owner,
    targets: [...hold.targets],
    count: hold.count,
    maxHoldMs: BigInt(hold.maxHoldMs),
    onLoss: {
      $typeName: "lockstep.v1.OnLoss",
      action: hold.onLoss.action,
      delayMs: BigInt(hold.onLoss.delayMs),
    },
    value: hold.value,
    metadata: sorted(hold.metadata),
    grantedAtMs: BigInt(hold.grantedAtMs),
    correlationId: hold.correlationId,
    ...(hold.releaseAsked === undefined
      ? {}
      : { releaseAsked: releaseAskedView(hold.releaseAsked) }),
    end: hold.end,
    ...(hold.servedFromMs === undefined ? {} : { servedFromMs: BigInt(hold.servedFromMs) }),
  };
}

/** Of a hold that was given back only that is written which is remembered. */
export function pastHoldMessage({
  id,
  token,
  earlierTokens,
  sessionId,
  end,
}: PastHold): StoredHold {
  return {
    $typeName: "lockstep.storage.v1.StoredHold",
    holdId: id,
    token,
    earlierTokens: [...earlierTokens],
    sessionId,
    requestIds: [],
    owner: "",
    targets: [],
    count: 0,
    maxHoldMs: 0n,
    value: NO_VALUE,
    metadata: {},
    grantedAtMs: 0n,
    correlationId: "",
    end,
  };
}

export function ticketMessage(ticket: Ticket, doomed: TicketEnd | undefined): StoredTicket {
  return {
    $typeName: "lockstep.storage.v1.StoredTicket",
    ticketId: ticket.id,
    sessionId: ticket.sessionId,
    requestId: ticket.requestId,
    owner: ticket.owner,
    targets: [...ticket.targets],
    queuedAtMs: BigInt(ticket.queuedAtMs),
    correlationId: ticket.correlationId,
    contentFingerprint: ticket.fingerprint,
    waitMs: BigInt(ticket.waitMs),
    deadlockPriority: ticket.deadlockPriority,
    ...(ticket.terms === undefined ? {} : { terms: termsMessage(ticket.terms) }),
    convertOf: ticket.convertOf,
    doomed: doomed ?? TicketEnd.UNSPECIFIED,
  };
}

function termsMessage(terms: HoldTerms): HoldTerms {
  return { ...terms, metadata: sorted(terms.metadata) };
}

export function delayMessage(delay: Delay): StoredDelay {
  return {
    $typeName: "lockstep.storage.v1.StoredDelay",
    hold: holdMessage(delay.hold),
    reason: delay.reason,
    lostRevision: delay.lostRevision,
    lostAtMs: BigInt(delay.lostAtMs),
    confirmMs: BigInt(delay.confirmMs),
    lockDelayMs: BigInt(delay.lockDelayMs),
    ...(delay.servedFromMs === undefined ? {} : { servedFromMs: BigInt(delay.servedFromMs) }),
  };
}

export function keyQuarantineMessage(quarantine: KeyQuarantineRecord): KeyQuarantine {
  return {
    $typeName: "lockstep.v1.KeyQuarantine",
    revision: quarantine.revision,
    holdId: quarantine.holdId,
    token: quarantine.token,
    sessionId: quarantine.sessionId,
    reason: quarantine.reason,
    sinceAtMs: BigInt(quarantine.sinceMs),
  };
}

/** By key: the same entries give the same bytes, whatever order they came in. */
function sorted(entries: Readonly<Record<string, string>>): Record<string, string> {
  const keys = Object.keys(entries);
  if (keys.length < 2) return { ...entries };
  return Object.fromEntries(keys.sort().map((key) => [key, entries[key] as string]));
}
