import type { Event } from "@lockstep/protocol";
import {
  applyAppended,
  applyDatasetCheckpointed,
  applyLogTrimmed,
} from "../dataset/apply-append.ts";
import {
  applyDatasetCreated,
  applyDatasetDeleted,
  applyDatasetUpdated,
} from "../dataset/apply-dataset.ts";
import {
  applyDriftReported,
  applyReplicaRegistered,
  applyReplicaStateChanged,
  applyReplicaUnregistered,
} from "../dataset/apply-replica.ts";
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

type Body = Event["body"];
type Kind = NonNullable<Body["case"]>;
type Value<K extends Kind> = Extract<Body, { case: K }>["value"];
type Apply<K extends Kind> = (state: NamespaceState, event: Event, body: Value<K>) => void;

/** What each kind of event changes. */
const APPLY: { readonly [K in Kind]: Apply<K> } = {
  epochStarted: (state, _, body) => applyEpochStarted(state, body),
  sessionOpened: applySessionOpened,
  sessionEnded: applySessionEnded,
  sessionForgotten: (state, _, body) => applySessionForgotten(state, body),
  lockQueued: applyLockQueued,
  lockGranted: applyLockGranted,
  ticketEnded: applyTicketEnded,
  acquireRefused: applyAcquireRefused,
  lockReleased: applyLockReleased,
  lockLost: applyLockLost,
  delayEnded: applyDelayEnded,
  servedTimeAdvanced: (state, _, body) => applyServedTimeAdvanced(state, body),
  holdCountChanged: applyHoldCountChanged,
  convertQueued: applyConvertQueued,
  holdConverted: applyHoldConverted,
  holdTransferred: applyHoldTransferred,
  holdValueSet: applyHoldValueSet,
  releaseRequested: applyReleaseRequested,
  keyQuarantineCleared: (state, _, body) => applyKeyQuarantineCleared(state, body),
  identityQuarantined: applyIdentityQuarantined,
  identityQuarantineCleared: (state, _, body) => applyIdentityQuarantineCleared(state, body),
  policyChanged: (state, _, body) => applyPolicyChanged(state, body),
  namespaceConfigured: (state, _, body) => applyNamespaceConfigured(state, body),
  datasetCreated: applyDatasetCreated,
  datasetUpdated: applyDatasetUpdated,
  datasetDeleted: (state, _, body) => applyDatasetDeleted(state, body),
  appended: applyAppended,
  datasetCheckpointed: (state, _, body) => applyDatasetCheckpointed(state, body),
  logTrimmed: (state, _, body) => applyLogTrimmed(state, body),
  replicaRegistered: applyReplicaRegistered,
  replicaUnregistered: (state, _, body) => applyReplicaUnregistered(state, body),
  replicaStateChanged: (state, _, body) => applyReplicaStateChanged(state, body),
  driftReported: (state, _, body) => applyDriftReported(state, body),
};

/**
 * Changes the state as an event says; the only way it changes. Deterministic: the same events in the
 * same order give the same state in any process, live and at recovery.
 *
 * @throws InvariantError when the event cannot follow the state, or is of a kind this version does not
 *   know. The state must not be used any more.
 */
export function apply(state: NamespaceState, event: Event): void {
  const { revision, body } = event;
  const jump = body.case === "epochStarted";
  if (jump ? revision <= state.revision : revision !== state.revision + 1n)
    throw new InvariantError(`event ${revision} cannot follow revision ${state.revision}`);
  if (body.case === undefined)
    throw new InvariantError(`event ${revision} is of a kind this version does not know`);
  state.revision = revision;
  applyAnswered(state, event);
  applyKind(state, event, body.case, body.value);
}

function applyKind<K extends Kind>(
  state: NamespaceState,
  event: Event,
  kind: K,
  body: Value<K>,
): void {
  APPLY[kind](state, event, body);
}
