import type { PrefixPolicy } from "@lockstep/protocol";
import type { KeyPolicy } from "../state/policies.ts";

/** The policy of a key prefix. */
export function policyView(policy: KeyPolicy): PrefixPolicy {
  return {
    $typeName: "lockstep.v1.PrefixPolicy",
    keyPrefix: policy.keyPrefix,
    policy: {
      $typeName: "lockstep.v1.LockPolicy",
      maxHoldMs: BigInt(policy.maxHoldMs),
      lockDelayMs: BigInt(policy.lockDelayMs),
      permits: policy.permits,
      maxWaiters: policy.maxWaiters,
      maxWaitMs: BigInt(policy.maxWaitMs),
    },
  };
}
