import type { Limits, Sha256, SnapshotHeader, SnapshotRecord } from "@lockstep/protocol";
import { InvariantError } from "../apply/invariant.ts";
import { queueLength } from "../state/key.ts";
import { policyOfMessage } from "../state/policies.ts";
import { NamespaceState } from "../state/state.ts";
import { fromChunks } from "./chunks.ts";
import { SNAPSHOT_FORMAT_VERSION } from "./encode.ts";
import { restoreDataset, restoreDigest, restoreReplica } from "./restore-datasets.ts";
import {
  restoreDelay,
  restoreHold,
  restorePastHold,
  restoreQuarantinedKey,
  restoreTicket,
} from "./restore-locks.ts";
import { restoreOutcome, restoreSession } from "./restore-sessions.ts";
import { damaged, SnapshotError } from "./snapshot-error.ts";

type Body = SnapshotRecord["body"];

/**
 * Builds the state that `encodeSnapshot` has written down, as if its events had been applied. The events
 * after its revision follow, then the start of an epoch.
 *
 * @throws SnapshotError when a newer version wrote it, or when anything is missing or does not fit.
 */
export function decodeSnapshot(
  chunks: Iterable<Uint8Array>,
  limits: Limits,
  sha256?: Sha256,
): NamespaceState {
  const state = new NamespaceState(limits, sha256);
  const endedPlaces = new Map<bigint, bigint>();
  let recordCount = 0n;
  let place = 0;
  let isComplete = false;
  for (const body of fromChunks(chunks)) {
    if (isComplete) throw damaged("something follows its end");
    place = nextPlace(body, place);
    if (body.case === "end") {
      isComplete = body.value.recordCount === recordCount;
      if (!isComplete) throw damaged("it has lost a record");
      continue;
    }
    recordCount += 1n;
    try {
      restore(state, body, endedPlaces);
    } catch (error) {
      if (error instanceof InvariantError) throw damaged(error.message, error);
      throw error;
    }
  }
  if (!isComplete) throw damaged("its end is missing");
  endSessions(state, endedPlaces);
  for (const record of state.keys.values())
    if (queueLength(record) > 0) state.freed.add(record.key);
  return state;
}

/** The kinds of records in the order in which they come. */
const ORDER: readonly Body["case"][] = [
  "header",
  "policy",
  "identityQuarantine",
  "principalLosses",
  "session",
  "outcome",
  "pastHold",
  "hold",
  "ticket",
  "delay",
  "quarantinedKey",
  "dataset",
  "digest",
  "replica",
  "end",
];

/** The place in the order after a record; the header comes first, and once. */
function nextPlace(body: Body, place: number): number {
  const at = ORDER.indexOf(body.case);
  if (at < 0) throw damaged("a record is of a kind that this version does not know");
  if (place === 0 ? at !== 0 : at < Math.max(1, place - 1))
    throw damaged(`a ${body.case} is out of order`);
  return at + 1;
}

function restore(state: NamespaceState, body: Body, endedPlaces: Map<bigint, bigint>): void {
  switch (body.case) {
    case "header":
      restoreHeader(state, body.value);
      break;
    case "policy":
      state.policies.set(policyOfMessage(body.value.keyPrefix, body.value.policy));
      break;
    case "identityQuarantine": {
      const { principal, revision, sinceAtMs, reason, automatic, actor } = body.value;
      const sinceMs = Number(sinceAtMs);
      const record = { principal, revision, sinceMs, reason, automatic, actor };
      state.quarantinedIdentities.set(principal, record);
      break;
    }
    case "principalLosses":
      state.lossesByPrincipal.set(body.value.principal, body.value.lostAtMs.map(Number));
      break;
    case "session":
      restoreSession(state, body.value);
      if (body.value.endedAtMs > 0n) endedPlaces.set(body.value.sessionId, body.value.endedPlace);
      break;
    case "outcome":
      restoreOutcome(state, body.value);
      break;
    case "pastHold":
      restorePastHold(state, body.value);
      break;
    case "hold":
      restoreHold(state, body.value);
      break;
    case "ticket":
      restoreTicket(state, body.value);
      break;
    case "delay":
      restoreDelay(state, body.value);
      break;
    case "quarantinedKey":
      restoreQuarantinedKey(state, body.value);
      break;
    case "dataset":
      restoreDataset(state, body.value);
      break;
    case "digest":
      restoreDigest(state, body.value);
      break;
    case "replica":
      restoreReplica(state, body.value);
      break;
    default:
      break;
  }
}

function restoreHeader(state: NamespaceState, header: SnapshotHeader): void {
  if (header.formatVersion > SNAPSHOT_FORMAT_VERSION) {
    throw new SnapshotError(
      "NEWER_FORMAT",
      `the snapshot has format ${header.formatVersion}; this version reads up to ${SNAPSHOT_FORMAT_VERSION}: start the version that wrote it, or a newer one`,
    );
  }
  if (header.formatVersion < 1 || header.settings === undefined)
    throw damaged("its header says too little");
  state.epoch = header.epoch;
  state.revision = header.revision;
  state.grantPauseMs = Number(header.grantPauseMs);
  state.grantPauseServedFromMs = Number(header.grantPauseServedFromMs);
  state.servedMs = Number(header.servedMs);
  state.policiesVersion = header.policiesVersion;
  state.settings = header.settings;
  state.settingsVersion = header.settingsVersion;
  state.holdTimes.averageMs = header.averageHoldMs;
}

/** Ended sessions are forgotten in the order in which they ended. */
function endSessions(state: NamespaceState, endedPlaces: ReadonlyMap<bigint, bigint>): void {
  const byPlace = [...endedPlaces].sort(([, a], [, b]) => (a < b ? -1 : 1));
  for (const [sessionId] of byPlace) state.endedSessions.add(sessionId);
}
