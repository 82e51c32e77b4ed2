import {
  compareNames,
  type GetPolicyResponse,
  type LockPolicy,
  type SetPolicyResponse,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { limitExceeded } from "../refusal.ts";
import { type KeyPolicy, policyOf, policyOfMessage } from "../state/policies.ts";
import type { NamespaceState } from "../state/state.ts";
import { policyView } from "../view/policy.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { versionMismatch } from "./version-mismatch.ts";

/** Sets or removes the policy of a key prefix, when nobody has changed any policy meanwhile. */
export function decideSetPolicy(
  state: NamespaceState,
  { principal, request }: Op<"setPolicy">,
  now: Now,
): Decision<"setPolicy"> {
  const { keyPrefix, policy, expectedVersion, reason, correlationId } = request;
  const version = expectedVersion + 1n;
  if (version === state.policiesVersion && isInForce(state, keyPrefix, policy))
    return replyOnly(response(version));
  if (expectedVersion !== state.policiesVersion)
    throw versionMismatch("the version of the policies", state.policiesVersion);
  const max = state.limits.max_policies;
  const isNew = policy !== undefined && state.policies.get(keyPrefix) === undefined;
  if (isNew && state.policies.size >= max) {
    const what = "too many policies in this namespace: remove one, or use a shorter prefix";
    throw limitExceeded("max_policies", max, what);
  }
  const draft = new Draft(state.revision, now, { actor: principal, correlationId, reason });
  draft.add({
    case: "policyChanged",
    value: {
      $typeName: "lockstep.v1.PolicyChanged",
      keyPrefix,
      version,
      ...(policy === undefined ? {} : { policy }),
    },
  });
  return replyWith(draft.events, response(version));
}

export function decideGetPolicy(
  state: NamespaceState,
  { request }: Op<"getPolicy">,
): Decision<"getPolicy"> {
  const policies = [...state.policies.values()];
  policies.sort((a, b) => compareNames(a.keyPrefix, b.keyPrefix));
  const reply: GetPolicyResponse = {
    $typeName: "lockstep.v1.GetPolicyResponse",
    version: state.policiesVersion,
    policies: policies.map(policyView),
  };
  const inForce = request.key === "" ? undefined : policyOf(state, request.key);
  if (inForce !== undefined) reply.inForce = policyView(inForce);
  return replyOnly(reply);
}

/** Whether a repeat asks for what is so already. */
function isInForce(
  { policies }: NamespaceState,
  keyPrefix: string,
  policy: LockPolicy | undefined,
): boolean {
  const present = policies.get(keyPrefix);
  if (policy === undefined || present === undefined) return policy === present;
  const wanted = policyOfMessage(keyPrefix, policy);
  return (Object.keys(wanted) as (keyof KeyPolicy)[]).every(
    (name) => wanted[name] === present[name],
  );
}

function response(version: bigint): SetPolicyResponse {
  return { $typeName: "lockstep.v1.SetPolicyResponse", version };
}
