import { createHash } from "node:crypto";
import { Refusal, RefusalCode, type SessionCaller } from "@lockstep/core";
import { ErrorReason, type SessionRef } from "@lockstep/protocol";
import type { Namespace } from "../executor/namespace.ts";
import type { RpcEnvironment } from "./environment.ts";
import { checkSessionRef } from "./validate/fields.ts";

/**
 * The namespace of this name.
 * @throws Refusal NOT_PERMITTED, the same whether it does not exist or the caller has no right to it.
 */
export function namespaceOf({ namespaces }: RpcEnvironment, name: string): Namespace {
  const namespace = namespaces.get(name);
  if (namespace !== undefined) return namespace;
  throw new Refusal(
    RefusalCode.PERMISSION_DENIED,
    ErrorReason.NOT_PERMITTED,
    `namespace ${JSON.stringify(name)} does not exist or is not open to this caller`,
    { namespace: name },
  );
}

/** What a session's secret leads to. */
export interface SessionAccess {
  readonly namespace: Namespace;
  readonly caller: SessionCaller;
}

/** Reads a reference to a session: where it lives and who shows which secret. `field` is what holds it. */
export function sessionAccess(
  environment: RpcEnvironment,
  principal: string,
  given: SessionRef | undefined,
  field = "session",
): SessionAccess {
  const ref = checkSessionRef(field, given);
  const namespace = namespaceOf(environment, ref.namespace);
  const caller = { principal, sessionId: ref.sessionId, secretSha256: secretSha256(ref.secret) };
  return { namespace, caller };
}

/** What the server keeps of a secret. */
export function secretSha256(secret: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(secret).digest());
}
