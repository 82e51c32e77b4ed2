import { LockMode, type LockPolicy, type LockTarget } from "@lockstep/protocol";
import type { NamespaceState } from "./state.ts";

/** What bounds the locks of all keys with one prefix. 0 sets no bound of its own. */
export interface KeyPolicy {
  readonly keyPrefix: string;
  readonly maxHoldMs: number;
  readonly lockDelayMs: number;
  /** Above 0 the keys take only PERMITS, and so many at once. */
  readonly permits: number;
  readonly maxWaiters: number;
  readonly maxWaitMs: number;
}

/** The policies of a namespace by prefix. */
export class Policies {
  readonly #byPrefix = new Map<string, KeyPolicy>();
  /** The lengths of all prefixes, the longest first. */
  #lengths: readonly number[] = [];

  /** How many there are. */
  get size(): number {
    return this.#byPrefix.size;
  }

  /** All of them, in no particular order. */
  values(): Iterable<KeyPolicy> {
    return this.#byPrefix.values();
  }

  /** The policy of exactly this prefix. */
  get(keyPrefix: string): KeyPolicy | undefined {
    return this.#byPrefix.get(keyPrefix);
  }

  /** Sets the policy of its prefix. */
  set(policy: KeyPolicy): void {
    this.#byPrefix.set(policy.keyPrefix, policy);
    this.#measure();
  }

  /** Removes the policy of a prefix. */
  delete(keyPrefix: string): void {
    this.#byPrefix.delete(keyPrefix);
    this.#measure();
  }

  /** The policy with the longest prefix of a key. */
  of(key: string): KeyPolicy | undefined {
    for (const length of this.#lengths) {
      if (length > key.length) continue;
      const policy = this.#byPrefix.get(key.slice(0, length));
      if (policy !== undefined) return policy;
    }
    return undefined;
  }

  #measure(): void {
    const lengths = new Set([...this.#byPrefix.keys()].map(({ length }) => length));
    this.#lengths = [...lengths].sort((a, b) => b - a);
  }
}

/** The policy in force for a key: that with its longest prefix, as a whole. */
export function policyOf({ policies }: NamespaceState, key: string): KeyPolicy | undefined {
  return policies.size === 0 ? undefined : policies.of(key);
}

/** Whether the policy of a key allows this mode and so many permits. */
export function isAllowed(state: NamespaceState, { key, mode, permits }: LockTarget): boolean {
  if (mode !== LockMode.PERMITS) return state.policies.size === 0 || permitsOf(state, key) === 0;
  return permits <= permitsOf(state, key);
}

/** A policy as it is told. */
export function policyOfMessage(keyPrefix: string, policy: LockPolicy | undefined): KeyPolicy {
  return {
    keyPrefix,
    maxHoldMs: Number(policy?.maxHoldMs ?? 0n),
    lockDelayMs: Number(policy?.lockDelayMs ?? 0n),
    permits: policy?.permits ?? 0,
    maxWaiters: policy?.maxWaiters ?? 0,
    maxWaitMs: Number(policy?.maxWaitMs ?? 0n),
  };
}

/** How many permits a key offers; 0: it takes every mode but PERMITS. */
export function permitsOf(state: NamespaceState, key: string): number {
  return policyOf(state, key)?.permits ?? 0;
}
