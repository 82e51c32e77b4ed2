import type { Event } from "@lockstep/protocol";
import type { NamespaceState } from "../state/state.ts";
import {
  applyIdentityQuarantineCleared,
  applyIdentityQuarantined,
  applyKeyQuarantineCleared,
  applyNamespaceConfigured,
  applyPolicyChanged,
} from "./admin.ts";
import { applyAnswered } from "./answered.ts";
import {
  applyConvertQueued,
  applyHoldConverted,
  applyHoldTransferred,
  applyHoldValueSet,
  applyReleaseRequested,
} from "./convert.ts";
import { InvariantError } from "./invariant.ts";
import {
  applyAcquireRefused,
  applyHoldCountChanged,
  applyLockGranted,
  applyLockQueued,
  applyLockReleased,
  applyTicketEnded,
} from "./lock.ts";
import { applyDelayEnded, applyLockLost, applyServedTimeAdvanced } from "./loss.ts";
import {
  applyEpochStarted,
  applySessionEnded,
  applySessionForgotten,
  applySessionOpened,
} from "./session.ts";

/**
 * Changes the state as an event says; the only way it changes. Deterministic: the same events in the
 * same order give the same state in any process, live and at recovery.
 *
 * @throws InvariantError when the event cannot follow the state, or is of a kind this version does not
 *   know. The state must not be used any more.
 */
export function apply(state: NamespaceState, event: Event): void {
  const jump = event.body.case === "epochStarted";
  if (jump ? event.revision <= state.revision : event.revision !== state.revision + 1n) {
    throw new InvariantError(`event ${event.revision} cannot follow revision ${state.revision}`);
  }
  state.revision = event.revision;
  applyAnswered(state, event);
  const { body } = event;
  switch (body.case) {
    case "epochStarted":
      applyEpochStarted(state, body.value);
      break;
    case "sessionOpened":
      applySessionOpened(state, event, body.value);
      break;
    case "sessionEnded":
      applySessionEnded(state, event, body.value);
      break;
    case "sessionForgotten":
      applySessionForgotten(state, body.value);
      break;
    case "lockQueued":
      applyLockQueued(state, event, body.value);
      break;
    case "lockGranted":
      applyLockGranted(state, event, body.value);
      break;
    case "ticketEnded":
      applyTicketEnded(state, event, body.value);
      break;
    case "acquireRefused":
      applyAcquireRefused(state, event, body.value);
      break;
    case "lockReleased":
      applyLockReleased(state, event, body.value);
      break;
    case "lockLost":
      applyLockLost(state, event, body.value);
      break;
    case "delayEnded":
      applyDelayEnded(state, event, body.value);
      break;
    case "servedTimeAdvanced":
      applyServedTimeAdvanced(state, body.value);
      break;
    case "holdCountChanged":
      applyHoldCountChanged(state, event, body.value);
      break;
    case "convertQueued":
      applyConvertQueued(state, event, body.value);
      break;
    case "holdConverted":
      applyHoldConverted(state, event, body.value);
      break;
    case "holdTransferred":
      applyHoldTransferred(state, event, body.value);
      break;
    case "holdValueSet":
      applyHoldValueSet(state, event, body.value);
      break;
    case "releaseRequested":
      applyReleaseRequested(state, event, body.value);
      break;
    case "keyQuarantineCleared":
      applyKeyQuarantineCleared(state, body.value);
      break;
    case "identityQuarantined":
      applyIdentityQuarantined(state, event, body.value);
      break;
    case "identityQuarantineCleared":
      applyIdentityQuarantineCleared(state, body.value);
      break;
    case "policyChanged":
      applyPolicyChanged(state, body.value);
      break;
    case "namespaceConfigured":
      applyNamespaceConfigured(state, body.value);
      break;
    default:
      throw new InvariantError(`event ${event.revision} is of a kind this version does not know`);
  }
}
