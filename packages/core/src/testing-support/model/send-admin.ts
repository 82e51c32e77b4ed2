import { create } from "@bufbuild/protobuf";
import {
  CheckFenceRequestSchema,
  ClearQuarantineRequestSchema,
  FenceStatus,
  ForceReleaseRequestSchema,
  LockOrdering,
  QuarantineIdentityRequestSchema,
  RequestReleaseRequestSchema,
  RevokeSessionRequestSchema,
  SessionState,
  SetPolicyRequestSchema,
  UpdateNamespaceRequestSchema,
} from "@lockstep/protocol";
import type { World } from "../world.ts";
import type { AdminCall, CallOf } from "./calls.ts";
import type { Answer, Named } from "./send.ts";

const WHO = "operator";
const WHY = { reason: "because" };

/** Sends a call outside a session to the core. */
export function sendAdmin(world: World, call: AdminCall, named: Named): Answer {
  switch (call.kind) {
    case "requestRelease": {
      const request = create(RequestReleaseRequestSchema, { ...call, ...WHY });
      const { holdIds } = world.reply({ kind: "requestRelease", principal: WHO, request });
      return { says: `asked ${holdIds}` };
    }
    case "forceRelease": {
      const { key, token: expectedToken, immediate } = call;
      const request = create(ForceReleaseRequestSchema, { key, expectedToken, immediate, ...WHY });
      const reply = world.reply({ kind: "forceRelease", principal: WHO, request });
      return { says: `forced ${reply.holdId}`, remainingMs: reply.delayRemainingMs };
    }
    case "revoke": {
      const request = create(RevokeSessionRequestSchema, { sessionId: call.sessionId, ...WHY });
      const { session } = world.reply({ kind: "revokeSession", principal: WHO, request });
      return { says: `revoked ${SessionState[session?.state ?? 0]}` };
    }
    case "clear": {
      const subject = { case: call.subject, value: call.name };
      const request = create(ClearQuarantineRequestSchema, {
        subject,
        expectedRevision: call.revision,
        ...WHY,
      });
      world.reply({ kind: "clearQuarantine", principal: WHO, request });
      return { says: "cleared" };
    }
    case "quarantine": {
      const request = create(QuarantineIdentityRequestSchema, {
        principal: call.principal,
        ...WHY,
      });
      const reply = world.reply({ kind: "quarantineIdentity", principal: WHO, request });
      return { says: `quarantined ${named(reply.quarantine?.revision ?? 0n)}` };
    }
    case "setPolicy":
      return sendSetPolicy(world, call);
    case "configure":
      return sendConfigure(world, call);
    case "checkFence": {
      const request = create(CheckFenceRequestSchema, { key: call.key, token: call.token });
      return { says: `fence ${FenceStatus[world.reply({ kind: "checkFence", request }).status]}` };
    }
  }
}

function sendSetPolicy(
  world: World,
  { prefix: keyPrefix, policy, version: expectedVersion }: CallOf<"setPolicy">,
): Answer {
  const request = create(SetPolicyRequestSchema, { keyPrefix, expectedVersion, ...WHY });
  if (policy !== undefined)
    request.policy = {
      $typeName: "lockstep.v1.LockPolicy",
      maxHoldMs: BigInt(policy.maxHoldMs),
      lockDelayMs: BigInt(policy.lockDelayMs),
      permits: policy.permits,
      maxWaiters: policy.maxWaiters,
      maxWaitMs: BigInt(policy.maxWaitMs),
    };
  const { version } = world.reply({ kind: "setPolicy", principal: WHO, request });
  return { says: `policy ${version}` };
}

function sendConfigure(world: World, { settings, version }: CallOf<"configure">): Answer {
  const request = create(UpdateNamespaceRequestSchema, {
    settings: {
      ordering: settings.ascending ? LockOrdering.ASCENDING : LockOrdering.NONE,
      quarantineAfterLosses: settings.afterLosses,
      quarantineWindowMs: BigInt(settings.windowMs),
    },
    expectedVersion: version,
    ...WHY,
  });
  const reply = world.reply({ kind: "updateNamespace", principal: WHO, request });
  return { says: `settings ${reply.namespace?.version}` };
}
