import {
  type AcquireRequest,
  compareNames,
  type Denied,
  DeniedReason,
  LockOrdering,
  type LockTarget,
  Reentrancy,
} from "@lockstep/protocol";
import type { Now } from "../op.ts";
import { delayRemainingMs } from "../state/delay.ts";
import { denied } from "../state/denied.ts";
import type { Hold } from "../state/hold.ts";
import { type KeyRecord, queueLength, targetOf } from "../state/key.ts";
import { isAllowed, permitsOf, policyOf } from "../state/policies.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import { admits, conflicts, count, newTally } from "../state/tally.ts";
import { blockersOf, holdBlocker } from "../view/blockers.ts";
import { isAdmitted } from "./grants.ts";
import { retryAfterMs } from "./hints.ts";

/** What an owner's own holds and waits make of its request. */
export type Owned =
  | { readonly kind: "entered"; readonly hold: Hold }
  | { readonly kind: "denied"; readonly denied: Denied };

/** Whether a request enters a hold of its owner again, or is denied for what its owner has already. */
export function heldElsewise(
  state: NamespaceState,
  session: SessionRecord,
  { owner, targets, reentrancy }: AcquireRequest,
): Owned | undefined {
  if (owner === "") return undefined;
  const owned = session.ownedKeys.get(owner);
  for (const target of owned === undefined ? [] : targets) {
    const hold = owned?.get(target.key);
    if (hold === undefined) continue;
    if (reentrancy === Reentrancy.COUNT && isSame(hold.targets, targets))
      return { kind: "entered", hold };
    const held = targetOf(hold.targets, target.key) as LockTarget;
    return ownerDenied(DeniedReason.REENTRANCY, [holdBlocker(state, hold, held)]);
  }
  return session.busyOwners.has(owner) ? ownerDenied(DeniedReason.OWNER_BUSY) : undefined;
}

function ownerDenied(...args: Parameters<typeof denied>): Owned {
  return { kind: "denied", denied: denied(...args) };
}

/** Whether two sets of targets are the same, in whatever order. */
export function isSame(a: readonly LockTarget[], b: readonly LockTarget[]): boolean {
  if (a.length !== b.length) return false;
  return a.every(({ key, mode, permits }) => {
    const other = targetOf(b, key);
    return other?.mode === mode && other.permits === permits;
  });
}

/** Why a request can neither be granted nor wait, whoever holds its keys. */
export function ruledOut(
  state: NamespaceState,
  session: SessionRecord,
  { owner, targets }: AcquireRequest,
): Denied | undefined {
  for (const target of targets)
    if (!isAllowed(state, target)) return denied(DeniedReason.LIMIT_MISMATCH);
  if (state.quarantinedKeys.size > 0)
    for (const { key } of targets)
      if (state.quarantinedKeys.has(key)) return denied(DeniedReason.KEY_QUARANTINED);
  if (state.settings.ordering === LockOrdering.ASCENDING && isOutOfOrder(session, owner, targets))
    return denied(DeniedReason.ORDER_VIOLATION);
  return undefined;
}

function isOutOfOrder(
  session: SessionRecord,
  owner: string,
  targets: readonly LockTarget[],
): boolean {
  const owned = owner === "" ? undefined : session.ownedKeys.get(owner);
  if (owned === undefined) return false;
  let highest = "";
  for (const key of owned.keys()) if (compareNames(key, highest) > 0) highest = key;
  return targets.some(({ key }) => compareNames(key, highest) <= 0);
}

/** Why what is taken cannot be waited for; undefined when it can. */
export function unavailable(
  state: NamespaceState,
  session: SessionRecord,
  request: AcquireRequest,
  now: Now,
): Denied | undefined {
  const { targets, requestId, waitMs } = request;
  const busy = (reason: DeniedReason) =>
    denied(reason, blockersOf(state, request), retryAfterMs(state, targets, session.id, requestId));
  if (waitMs > 0n)
    return targets.some(({ key }) => isQueueFull(state, key))
      ? busy(DeniedReason.QUEUE_FULL)
      : undefined;
  let remainingMs = state.grantsFromMs - now.monotonicMs;
  for (const target of targets) {
    if (isAdmitted(state, target)) continue;
    const record = state.keys.get(target.key) as KeyRecord;
    if (!isOnlyDelayed(state, record, target)) return busy(DeniedReason.CONTENDED);
    remainingMs = Math.max(remainingMs, delayedForMs(record, target, now));
  }
  return denied(DeniedReason.LOCK_DELAY, blockersOf(state, request), Math.max(0, remainingMs));
}

function isQueueFull(state: NamespaceState, key: string): boolean {
  const { max_waiters_per_key } = state.limits;
  const max = Math.min(
    policyOf(state, key)?.maxWaiters || max_waiters_per_key,
    max_waiters_per_key,
  );
  const record = state.keys.get(key);
  return record !== undefined && queueLength(record) >= max;
}

/** Whether a target that is not free would be, but for what lost holds still block. */
function isOnlyDelayed(state: NamespaceState, record: KeyRecord, target: LockTarget): boolean {
  if (record.delays.length === 0 || record.convert !== undefined) return false;
  const live = newTally();
  for (const { targets } of record.holds)
    count(live, targetOf(targets, record.key) as LockTarget, 1);
  return admits(live, record.waiting, target, permitsOf(state, record.key));
}

/** How long lost holds still block a target at most. */
export function delayedForMs({ key, delays }: KeyRecord, target: LockTarget, now: Now): number {
  let remainingMs = 0;
  for (const delay of delays) {
    const blocked = targetOf(delay.hold.targets, key) as LockTarget;
    if (conflicts(target, blocked, true))
      remainingMs = Math.max(remainingMs, delayRemainingMs(delay, now.monotonicMs));
  }
  return remainingMs;
}

/** How long a request may wait at most. */
export function waitCapMs(state: NamespaceState, targets: readonly LockTarget[]): number {
  let capMs = state.limits.max_wait_ms;
  if (state.policies.size === 0) return capMs;
  for (const { key } of targets) {
    const policyMs = policyOf(state, key)?.maxWaitMs ?? 0;
    if (policyMs > 0) capMs = Math.min(capMs, policyMs);
  }
  return capMs;
}
