import { DEFAULT_LIMITS } from "@lockstep/protocol";
import { describe, expect, it } from "vitest";
import { type KeyPolicy, permitsOf, policyOf } from "./policies.ts";
import { NamespaceState } from "./state.ts";

function withPrefixes(...prefixes: string[]): NamespaceState {
  const state = new NamespaceState(DEFAULT_LIMITS);
  prefixes.forEach((keyPrefix, index) => {
    state.policies.set(policy(keyPrefix, index + 1));
  });
  return state;
}

function policy(keyPrefix: string, permits: number): KeyPolicy {
  return { keyPrefix, maxHoldMs: 0, lockDelayMs: 0, permits, maxWaiters: 0, maxWaitMs: 0 };
}

describe("The policy of a key", () => {
  it("is that with its longest prefix, as a whole [LOCK-180]", () => {
    const state = withPrefixes("job/", "", "job/night", "job/nightly");
    expect(policyOf(state, "job/night/1")?.keyPrefix).toBe("job/night");
    expect(policyOf(state, "job/nightly")?.keyPrefix).toBe("job/nightly");
    expect(policyOf(state, "job/day")?.keyPrefix).toBe("job/");
    expect(policyOf(state, "jo")?.keyPrefix).toBe("");
  });

  it("is none when no prefix of it has one", () => {
    expect(policyOf(withPrefixes("b"), "ab")).toBeUndefined();
    expect(policyOf(withPrefixes(), "ab")).toBeUndefined();
    expect(permitsOf(withPrefixes("b"), "ab")).toBe(0);
  });

  it("follows what is set anew and what is removed", () => {
    const state = withPrefixes("a", "ab");
    state.policies.set(policy("ab", 7));
    expect(permitsOf(state, "abc")).toBe(7);
    state.policies.delete("ab");
    expect(policyOf(state, "abc")?.keyPrefix).toBe("a");
    state.policies.delete("a");
    expect(policyOf(state, "abc")).toBeUndefined();
    expect(state.policies.size).toBe(0);
  });
});
