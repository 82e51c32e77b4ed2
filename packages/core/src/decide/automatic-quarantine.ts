import type { Now } from "../op.ts";
import { isOneTooMany } from "../state/losses.ts";
import type { SessionRecord } from "../state/session.ts";
import type { NamespaceState } from "../state/state.ts";
import type { Draft } from "./decision.ts";

/** Quarantines the principal of a session that is being lost, when that is one loss too many. */
export function addQuarantineForLosses(
  state: NamespaceState,
  draft: Draft,
  { principal }: SessionRecord,
  now: Now,
): void {
  const { quarantinedIdentities, limits } = state;
  if (quarantinedIdentities.has(principal) || !isOneTooMany(state, principal, now.unixMs)) return;
  // Whom there is no room for goes on: better than to forget whom an operator has quarantined.
  if (quarantinedIdentities.size >= limits.max_quarantined_identities) return;
  draft.add({
    case: "identityQuarantined",
    value: { $typeName: "lockstep.v1.IdentityQuarantined", principal, automatic: true },
  });
}
