import {
  ErrorReason,
  LockOrdering,
  type NamespaceSettings,
  type UpdateNamespaceResponse,
} from "@lockstep/protocol";
import type { Now, Op } from "../op.ts";
import { Refusal, RefusalCode } from "../refusal.ts";
import type { NamespaceState } from "../state/state.ts";
import { type Decision, Draft, replyOnly, replyWith } from "./decision.ts";
import { versionMismatch } from "./version-mismatch.ts";

/** Changes the settings of the namespace, when nobody has changed them meanwhile. */
export function decideUpdateNamespace(
  state: NamespaceState,
  { principal, request }: Op<"updateNamespace">,
  now: Now,
): Decision<"updateNamespace"> {
  const { settings, expectedVersion, reason, correlationId } = request;
  if (settings === undefined) {
    throw new Refusal(
      RefusalCode.INVALID_ARGUMENT,
      ErrorReason.INVALID_FIELD,
      "settings are required: send all of them, changed or not",
      { field: "settings", rule: "is required" },
    );
  }
  const version = expectedVersion + 1n;
  if (version === state.settingsVersion && isSame(settings, state.settings))
    return replyOnly(response(state.settings, version));
  if (expectedVersion !== state.settingsVersion)
    throw versionMismatch("the version of the settings", state.settingsVersion);
  const draft = new Draft(state.revision, now, { actor: principal, correlationId, reason });
  draft.add({
    case: "namespaceConfigured",
    value: { $typeName: "lockstep.v1.NamespaceConfigured", settings, version },
  });
  return replyWith(draft.events, response(settings, version));
}

export function decideGetNamespace(state: NamespaceState): Decision<"getNamespace"> {
  return replyOnly(response(state.settings, state.settingsVersion));
}

function isSame(a: NamespaceSettings, b: NamespaceSettings): boolean {
  return (
    orderingOf(a) === orderingOf(b) &&
    a.quarantineAfterLosses === b.quarantineAfterLosses &&
    a.quarantineWindowMs === b.quarantineWindowMs
  );
}

function orderingOf({ ordering }: NamespaceSettings): LockOrdering {
  return ordering === LockOrdering.UNSPECIFIED ? LockOrdering.NONE : ordering;
}

/** Who asks fills in the name, the epoch and the revision. */
function response(settings: NamespaceSettings, version: bigint): UpdateNamespaceResponse {
  return {
    $typeName: "lockstep.v1.UpdateNamespaceResponse",
    namespace: {
      $typeName: "lockstep.v1.Namespace",
      namespace: "",
      settings,
      version,
      epoch: 0n,
      revision: 0n,
    },
  };
}
