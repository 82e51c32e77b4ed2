import {
  type AcquireRequest,
  type HoldTerms,
  type LockTarget,
  OnLossAction,
} from "@lockstep/protocol";
import { policyOf } from "../state/policies.ts";
import type { NamespaceState } from "../state/state.ts";

/**
 * What a hold is held under when it is granted now: what was asked, with the policies of its keys; the
 * strictest counts. Undefined when nothing was asked and no policy says anything.
 */
export function termsInForce(
  state: NamespaceState,
  asked: HoldTerms | undefined,
  targets: readonly LockTarget[],
): HoldTerms | undefined {
  if (state.policies.size === 0) return asked;
  let maxHoldMs = asked?.maxHoldMs ?? 0n;
  let delayMs = asked?.onLoss?.delayMs ?? 0n;
  for (const { key } of targets) {
    const policy = policyOf(state, key);
    if (policy === undefined) continue;
    if (policy.maxHoldMs > 0 && (maxHoldMs === 0n || policy.maxHoldMs < maxHoldMs))
      maxHoldMs = BigInt(policy.maxHoldMs);
    if (policy.lockDelayMs > delayMs) delayMs = BigInt(policy.lockDelayMs);
  }
  if (asked === undefined && maxHoldMs + delayMs === 0n) return undefined;
  const terms: HoldTerms = {
    $typeName: "lockstep.v1.HoldTerms",
    maxHoldMs,
    value: asked?.value ?? new Uint8Array(),
    metadata: asked?.metadata ?? {},
  };
  const action =
    asked?.onLoss?.action === OnLossAction.QUARANTINE
      ? OnLossAction.QUARANTINE
      : OnLossAction.DELAY;
  if (action === OnLossAction.QUARANTINE || delayMs > 0n)
    terms.onLoss = { $typeName: "lockstep.v1.OnLoss", action, delayMs };
  return terms;
}

/** What an Acquire asks for its hold; undefined when nothing. */
export function askedTerms({
  maxHoldMs,
  onLoss,
  value,
  metadata,
}: AcquireRequest): HoldTerms | undefined {
  const asksLoss = onLoss !== undefined && onLoss.action > OnLossAction.RELEASE;
  if (maxHoldMs === 0n && !asksLoss && value.length === 0 && isEmpty(metadata)) return undefined;
  return {
    $typeName: "lockstep.v1.HoldTerms",
    maxHoldMs,
    value,
    metadata,
    ...(asksLoss ? { onLoss } : {}),
  };
}

function isEmpty(metadata: Readonly<Record<string, string>>): boolean {
  for (const _ in metadata) return false;
  return true;
}
