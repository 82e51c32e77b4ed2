import { create } from "@bufbuild/protobuf";
import {
  ClearQuarantineRequestSchema,
  GetPolicyRequestSchema,
  type GetPolicyResponse,
  GetWaitGraphRequestSchema,
  type GetWaitGraphResponse,
  type IdentityQuarantine,
  ListQuarantinesRequestSchema,
  type ListQuarantinesResponse,
  LockOrdering,
  type NamespaceSettings,
  QuarantineIdentityRequestSchema,
  RequestReleaseRequestSchema,
  UpdateNamespaceRequestSchema,
} from "@lockstep/protocol";
import type { World } from "./world.ts";

/** What an operator does; always the principal "operator". */
const principal = "operator";

/** Denies a principal every lock. */
export function quarantineIdentity(world: World, whom: string): IdentityQuarantine {
  const request = create(QuarantineIdentityRequestSchema, { principal: whom, reason: "odd" });
  const { quarantine } = world.reply({ kind: "quarantineIdentity", principal, request });
  if (quarantine === undefined) throw new Error("no quarantine was told");
  return quarantine;
}

/** Ends a quarantine. */
export function clearQuarantine(
  world: World,
  kind: "key" | "principal",
  value: string,
  expectedRevision: bigint,
): void {
  const subject = { case: kind, value };
  const request = create(ClearQuarantineRequestSchema, {
    subject,
    expectedRevision,
    reason: "fine",
  });
  world.reply({ kind: "clearQuarantine", principal, request });
}

/** A page of what is quarantined. */
export function listQuarantines(
  world: World,
  page: { pageSize?: number; pageToken?: string } = {},
): ListQuarantinesResponse {
  const request = create(ListQuarantinesRequestSchema, page);
  return world.reply({ kind: "listQuarantines", request });
}

/** Asks the holders of a key to release it; returns those who have been asked. */
export function requestRelease(world: World, key: string, token = 0n, reason = "please"): bigint[] {
  const request = create(RequestReleaseRequestSchema, { key, token, reason });
  return world.reply({ kind: "requestRelease", principal, request }).holdIds;
}

/** Reads the policies, and the one in force for a key. */
export function getPolicy(world: World, key = ""): GetPolicyResponse {
  return world.reply({ kind: "getPolicy", request: create(GetPolicyRequestSchema, { key }) });
}

/** Changes the settings of the namespace; what is left out is at its default. */
export function configure(
  world: World,
  settings: Partial<Omit<NamespaceSettings, "$typeName">>,
  expectedVersion = world.state.settingsVersion,
): bigint {
  const request = create(UpdateNamespaceRequestSchema, {
    settings: { ordering: LockOrdering.NONE, ...settings },
    expectedVersion,
    reason: "policy",
  });
  const { namespace } = world.reply({ kind: "updateNamespace", principal, request });
  return namespace?.version ?? 0n;
}

/** Who waits for whom. */
export function waitGraph(
  world: World,
  options: { keyPrefix?: string; waitsMax?: number } = {},
): GetWaitGraphResponse {
  const request = create(GetWaitGraphRequestSchema, options);
  return world.reply({ kind: "getWaitGraph", request });
}
