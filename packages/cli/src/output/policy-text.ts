import type { LockPolicy } from "@lockstep/protocol";
import { durationText } from "./time.ts";

/** A policy as people read it: what it sets, by the names of the flags that set it. */
export function policyText(policy: LockPolicy): string {
  const parts = [
    policy.maxHoldMs > 0n && `max-hold ${durationText(policy.maxHoldMs)}`,
    policy.lockDelayMs > 0n && `lock-delay ${durationText(policy.lockDelayMs)}`,
    policy.permits > 0 && `permits ${policy.permits}`,
    policy.maxWaiters > 0 && `max-waiters ${policy.maxWaiters}`,
    policy.maxWaitMs > 0n && `max-wait ${durationText(policy.maxWaitMs)}`,
  ].filter((part) => part !== false);
  return parts.join(", ") || "no bounds";
}
