import type {
  IdentityQuarantineCleared,
  IdentityQuarantined,
  KeyQuarantineCleared,
  NamespaceConfigured,
  PolicyChanged,
} from "@lockstep/protocol";
import { policyText } from "../policy-text.ts";
import { settingsText } from "../settings-text.ts";
import { type Facts, ifSo } from "./facts.ts";

/** Events of operators, and of what the server does in their place. */
export const adminEvents = {
  keyQuarantineCleared: ({ key, quarantineRevision }: KeyQuarantineCleared): Facts => ({
    key,
    quarantine: String(quarantineRevision),
  }),
  identityQuarantined: ({ principal, automatic }: IdentityQuarantined): Facts => ({
    principal,
    automatic: ifSo(automatic),
  }),
  identityQuarantineCleared: ({
    principal,
    quarantineRevision,
  }: IdentityQuarantineCleared): Facts => ({
    principal,
    quarantine: String(quarantineRevision),
  }),
  policyChanged: ({ keyPrefix, policy, version }: PolicyChanged): Facts => ({
    prefix: keyPrefix,
    version: String(version),
    policy: policy ? policyText(policy) : "removed",
  }),
  namespaceConfigured: ({ settings, version }: NamespaceConfigured): Facts => ({
    version: String(version),
    settings: settingsText(settings),
  }),
};
