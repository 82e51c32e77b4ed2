import {
  type Event,
  type IdentityQuarantineCleared,
  type IdentityQuarantined,
  type KeyQuarantineCleared,
  LockMode,
  type NamespaceConfigured,
  type PolicyChanged,
  TicketEnd,
} from "@lockstep/protocol";
import { queueLength, setQuarantine, waitersOf } from "../state/key.ts";
import { forgetLosses, trimLosses } from "../state/losses.ts";
import { isAllowed, policyOfMessage } from "../state/policies.ts";
import type { NamespaceState } from "../state/state.ts";
import { invariant } from "./invariant.ts";
import { freed, keyOf, sessionOf } from "./records.ts";

/** Sets a policy. What it says of permits acts on those who wait already. */
export function applyPolicyChanged(state: NamespaceState, body: PolicyChanged): void {
  const { keyPrefix, policy, version } = body;
  invariant(
    version === state.policiesVersion + 1n,
    () => `version ${version} of the policies cannot follow ${state.policiesVersion}`,
  );
  state.policiesVersion = version;
  if (policy === undefined) state.policies.delete(keyPrefix);
  else state.policies.set(policyOfMessage(keyPrefix, policy));
  for (const record of state.keys.values()) {
    if (queueLength(record) === 0 || !record.key.startsWith(keyPrefix)) continue;
    state.freed.set(record.key, true);
    for (const { id, targets } of waitersOf(record)) {
      if (targets.every((target) => isAllowed(state, target)) || state.doomed.has(id)) continue;
      state.doomed.set(id, TicketEnd.LIMIT_MISMATCH);
    }
  }
}

export function applyNamespaceConfigured(
  state: NamespaceState,
  { settings, version }: NamespaceConfigured,
): void {
  invariant(
    version === state.settingsVersion + 1n,
    () => `version ${version} of the settings cannot follow ${state.settingsVersion}`,
  );
  invariant(settings !== undefined, () => "the namespace was configured with nothing");
  state.settingsVersion = version;
  if (settings !== undefined) state.settings = settings;
  trimLosses(state);
}

export function applyKeyQuarantineCleared(
  state: NamespaceState,
  { key, quarantineRevision }: KeyQuarantineCleared,
): void {
  const record = keyOf(state, key);
  invariant(
    record.quarantine?.revision === quarantineRevision,
    () => `key ${JSON.stringify(key)} is not quarantined since ${quarantineRevision}`,
  );
  setQuarantine(record, undefined);
  state.quarantinedKeys.delete(key);
  freed(state, [
    { $typeName: "lockstep.v1.LockTarget", key, mode: LockMode.EXCLUSIVE, permits: 0 },
  ]);
}

/** Denies a principal every lock: what it waits for ends, what it holds stays. */
export function applyIdentityQuarantined(
  state: NamespaceState,
  event: Event,
  { principal, automatic }: IdentityQuarantined,
): void {
  invariant(
    !state.quarantinedIdentities.has(principal),
    () => `${principal} was quarantined twice`,
  );
  state.quarantinedIdentities.set(principal, {
    principal,
    revision: event.revision,
    sinceMs: Number(event.decidedAtMs),
    reason: automatic ? "" : event.reason,
    automatic,
    actor: automatic ? "" : event.actor,
  });
  for (const { id, sessionId } of state.tickets.values()) {
    if (sessionOf(state, sessionId).principal !== principal || state.doomed.has(id)) continue;
    state.doomed.set(id, TicketEnd.IDENTITY_QUARANTINED);
  }
}

/** What the principal lost before is forgiven: otherwise the next loss would quarantine it again. */
export function applyIdentityQuarantineCleared(
  state: NamespaceState,
  { principal, quarantineRevision }: IdentityQuarantineCleared,
): void {
  invariant(
    state.quarantinedIdentities.get(principal)?.revision === quarantineRevision,
    () => `${principal} is not quarantined since ${quarantineRevision}`,
  );
  state.quarantinedIdentities.delete(principal);
  forgetLosses(state, principal);
}
