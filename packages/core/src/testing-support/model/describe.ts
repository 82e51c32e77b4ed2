import {
  DelayEndCause,
  type Event,
  type HoldTerms,
  LockMode,
  LossReason,
  OnLossAction,
  TicketEnd,
} from "@lockstep/protocol";
import type { Mode, Target, Terms } from "./facts.ts";
import { spell } from "./lookups.ts";

/** What an event says, in one line, as far as the call tells it that makes it. */
export function describeEvent({ body }: Event): string {
  switch (body.case) {
    case "sessionOpened":
      return "opened";
    case "sessionEnded":
      return `ended ${body.value.sessionId}`;
    case "lockQueued":
    case "lockGranted": {
      const { sessionId, requestId, targets } = body.value;
      const what = body.case === "lockQueued" ? "queued" : "granted";
      return `${what} ${sessionId} ${requestId} ${spell(targetsOf(targets))}`;
    }
    case "convertQueued": {
      const { sessionId, requestId, holdId, target } = body.value;
      return `convert-queued ${sessionId} ${requestId} ${holdId} ${target?.key}`;
    }
    case "holdConverted":
      return `converted ${body.value.holdId} ${body.value.target?.key} ${modeOf(body.value.target?.mode)}`;
    case "ticketEnded":
      return `unqueued ${body.value.ticketId}`;
    case "acquireRefused":
      return `refused-later ${body.value.sessionId} ${body.value.acquireRequestId}`;
    case "lockReleased":
      return `released ${body.value.holdId}`;
    case "holdCountChanged":
      return `counted ${body.value.holdId} ${body.value.count}`;
    case "holdTransferred":
      return `transferred ${body.value.holdId} ${body.value.toSessionId} ${body.value.toRequestId}`;
    case "holdValueSet":
      return `value ${body.value.holdId} ${textOf(body.value.value)}`;
    case "lockLost":
      return `lost ${body.value.holdId} ${LossReason[body.value.reason]} ${body.value.immediate}`;
    case "delayEnded":
      return `unblocked ${body.value.holdId}`;
    default:
      return describeAdminEvent(body);
  }
}

function describeAdminEvent(body: Event["body"]): string {
  switch (body.case) {
    case "releaseRequested":
      return `asked ${body.value.holdId}`;
    case "keyQuarantineCleared":
      return `cleared key ${body.value.key}`;
    case "identityQuarantineCleared":
      return `cleared principal ${body.value.principal}`;
    case "identityQuarantined":
      return `quarantined ${body.value.principal} ${body.value.automatic}`;
    case "policyChanged":
      return `policy ${body.value.keyPrefix} ${body.value.version}`;
    case "namespaceConfigured":
      return `settings ${body.value.version}`;
    default:
      return String(body.case);
  }
}

/** What kind of event it is, with the reason where it has one. */
export function eventLabel({ body }: Event): string {
  switch (body.case) {
    case "lockGranted":
      return body.value.ticketId > 0n ? "granted a waiter" : "granted at once";
    case "holdConverted":
      return body.value.ticketId > 0n ? "converted a waiter" : "converted at once";
    case "ticketEnded":
      return `unqueued ${TicketEnd[body.value.end]}`;
    case "lockLost":
      return `lost ${LossReason[body.value.reason]}${body.value.quarantined ? " quarantined" : ""}`;
    case "delayEnded":
      return `unblocked ${DelayEndCause[body.value.cause]}`;
    case "identityQuarantined":
      return `quarantined automatic ${body.value.automatic}`;
    default:
      return String(body.case);
  }
}

const FOLLOWING_ENDS = [
  TicketEnd.DEADLOCK_VICTIM,
  TicketEnd.KEY_QUARANTINED,
  TicketEnd.IDENTITY_QUARANTINED,
  TicketEnd.LIMIT_MISMATCH,
  TicketEnd.HOLD_ENDED,
];

/** Whether an event follows for somebody else than who called; whether it may, and must, is seen when it comes. */
export function follows({ body }: Event): boolean {
  switch (body.case) {
    case "lockGranted":
      return body.value.ticketId > 0n && body.value.transferredFrom === 0n;
    case "holdConverted":
      return body.value.ticketId > 0n;
    case "ticketEnded":
      return FOLLOWING_ENDS.includes(body.value.end);
    case "identityQuarantined":
      return body.value.automatic;
    case "servedTimeAdvanced":
      return true;
    default:
      return false;
  }
}

/** A mode in the words of the model. */
export function modeOf(mode: LockMode | undefined): Mode {
  const name = LockMode[mode ?? LockMode.UNSPECIFIED];
  if (name === undefined || name === "UNSPECIFIED") throw new Error(`${mode} is no mode`);
  return name as Mode;
}

/** Targets in the words of the model. */
export function targetsOf(
  targets: readonly { key: string; mode: LockMode; permits: number }[],
): Target[] {
  return targets.map(({ key, mode, permits }) => ({ key, mode: modeOf(mode), permits }));
}

/** Terms in the words of the model. */
export function termsOf(terms: HoldTerms | undefined): Terms {
  const action = OnLossAction[terms?.onLoss?.action || OnLossAction.RELEASE];
  return {
    maxHoldMs: Number(terms?.maxHoldMs ?? 0n),
    onLoss: action as Terms["onLoss"],
    delayMs: Number(terms?.onLoss?.delayMs ?? 0n),
    value: textOf(terms?.value ?? new Uint8Array()),
  };
}

export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
