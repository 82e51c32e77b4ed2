import {
  compareNames,
  LossReason,
  type SnapshotRecord,
  type StoredPastHold,
} from "@lockstep/protocol";
import type { Hold } from "../state/hold.ts";
import type { NamespaceState } from "../state/state.ts";
import { policyView } from "../view/policy.ts";
import { identityQuarantineView } from "../view/quarantine.ts";
import { toChunks } from "./chunks.ts";
import { datasetRecords } from "./dataset-records.ts";
import {
  delayMessage,
  holdMessage,
  keyQuarantineMessage,
  outcomeMessage,
  sessionMessage,
  ticketMessage,
} from "./to-messages.ts";

type Body = SnapshotRecord["body"];

/** The form of a snapshot that this version writes; it reads those before it, too. 2 brought datasets. */
export const SNAPSHOT_FORMAT_VERSION = 2;

/**
 * Writes down what a state knows from its events, in chunks of at most 1 MiB, each made when it is asked
 * for. The state must not change before the last one. Equal states give equal bytes.
 *
 * A state that decides also knows what its clients have not confirmed of replies that made no event; that
 * is written too. One that is only rebuilt from events does not.
 */
export function encodeSnapshot(state: NamespaceState): Generator<Uint8Array> {
  return toChunks(counted(records(state)));
}

function* counted(bodies: Iterable<Body>): Generator<Body> {
  let recordCount = 0n;
  for (const body of bodies) {
    recordCount += 1n;
    yield body;
  }
  yield {
    case: "end",
    value: { $typeName: "lockstep.storage.v1.StoredEnd", recordCount },
  };
}

function* records(state: NamespaceState): Generator<Body> {
  yield header(state);
  yield* principals(state);
  yield* sessions(state);
  for (const hold of state.holds.values()) yield { case: "hold", value: holdMessage(hold) };
  for (const ticket of state.tickets.values())
    yield { case: "ticket", value: ticketMessage(ticket, state.doomed.get(ticket.id)) };
  for (const delay of state.delays.values()) yield { case: "delay", value: delayMessage(delay) };
  for (const key of [...state.quarantinedKeys].sort(compareNames)) {
    const quarantine = state.keys.get(key)?.quarantine;
    if (quarantine === undefined) continue;
    yield {
      case: "quarantinedKey",
      value: {
        $typeName: "lockstep.storage.v1.StoredKeyQuarantine",
        key,
        quarantine: keyQuarantineMessage(quarantine),
      },
    };
  }
  yield* datasetRecords(state);
}

function header(state: NamespaceState): Body {
  return {
    case: "header",
    value: {
      $typeName: "lockstep.storage.v1.SnapshotHeader",
      formatVersion: SNAPSHOT_FORMAT_VERSION,
      epoch: state.epoch,
      revision: state.revision,
      grantPauseMs: BigInt(state.grantPauseMs),
      grantPauseServedFromMs: BigInt(state.grantPauseServedFromMs),
      servedMs: BigInt(state.servedMs),
      policiesVersion: state.policiesVersion,
      settings: state.settings,
      settingsVersion: state.settingsVersion,
      averageHoldMs: state.holdTimes.averageMs,
    },
  };
}

/** What is known by the names of keys and of principals. */
function* principals(state: NamespaceState): Generator<Body> {
  const policies = [...state.policies.values()];
  policies.sort((a, b) => compareNames(a.keyPrefix, b.keyPrefix));
  for (const policy of policies) yield { case: "policy", value: policyView(policy) };
  const quarantined = [...state.quarantinedIdentities.values()];
  quarantined.sort((a, b) => compareNames(a.principal, b.principal));
  for (const one of quarantined)
    yield { case: "identityQuarantine", value: identityQuarantineView(one) };
  // In the order of their last losses, which is that of the map.
  for (const [principal, lostAtMs] of state.lossesByPrincipal) {
    yield {
      case: "principalLosses",
      value: {
        $typeName: "lockstep.storage.v1.StoredLosses",
        principal,
        lostAtMs: lostAtMs.map(BigInt),
      },
    };
  }
}

function* sessions(state: NamespaceState): Generator<Body> {
  const places = new Map([...state.endedSessions].map((id, place) => [id, place]));
  for (const session of state.sessions.values())
    yield { case: "session", value: sessionMessage(session, places.get(session.id) ?? 0) };
  for (const session of state.sessions.values()) {
    const outcomes = [...session.outcomes].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [requestId, outcome] of outcomes)
      yield { case: "outcome", value: outcomeMessage(session.id, requestId, outcome) };
  }
  for (const session of state.sessions.values()) {
    for (const hold of session.released.values())
      yield { case: "pastHold", value: pastHold(hold, LossReason.UNSPECIFIED) };
    for (const { hold, reason } of session.lost.values())
      yield { case: "pastHold", value: pastHold(hold, reason) };
  }
}

function pastHold(hold: Hold, lostReason: LossReason): StoredPastHold {
  return {
    $typeName: "lockstep.storage.v1.StoredPastHold",
    hold: holdMessage(hold),
    lostReason,
  };
}
