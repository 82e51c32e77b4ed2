import { AdminService } from "@lockstep/protocol";
import { above, type BadInput, type BadValue, badInputs, long } from "./rows.ts";

const admin = AdminService.method;
const namespace = "default";
const reason = "why";
const noReason: BadValue = ["reason", "empty", { reason: "" }];
const policy = (change: object) => ({ policy: change });
const settings = (change: object) => ({ settings: change });

const badPolicy: BadValue[] = [
  ["policy.max_hold_ms", "negative", policy({ maxHoldMs: -1n })],
  ["policy.lock_delay_ms", "negative", policy({ lockDelayMs: -1n })],
  ["policy.lock_delay_ms", "too long", policy({ lockDelayMs: 3_600_001n })],
  ["policy.permits", "too many", policy({ permits: 1_000_001 })],
  ["policy.max_waiters", "too many", policy({ maxWaiters: 100_001 })],
  ["policy.max_wait_ms", "negative", policy({ maxWaitMs: -1n })],
  ["policy.max_wait_ms", "too long", policy({ maxWaitMs: 3_600_001n })],
];

const losses = (quarantineAfterLosses: number, quarantineWindowMs: bigint) =>
  settings({ quarantineAfterLosses, quarantineWindowMs });

const badSettings: BadValue[] = [
  ["settings.ordering", "unknown", settings({ ordering: 99 })],
  ["settings.quarantine_after_losses", "too many", losses(10_001, 1_000n)],
  ["settings.quarantine_window_ms", "too short", losses(1, 999n)],
  ["settings.quarantine_window_ms", "too long", losses(1, 86_400_001n)],
  ["settings.quarantine_window_ms", "without losses", losses(0, 1_000n)],
];

/** Bad requests of the AdminService. */
export const adminInputs: readonly BadInput[] = [
  ...badInputs(admin.forceRelease, { namespace, key: "k", expectedToken: 1n, reason }, [
    ["key", "empty", { key: "" }],
    ["expected_token", "0", { expectedToken: 0n }],
    noReason,
  ]),
  ...badInputs(admin.revokeSession, { namespace, sessionId: 1n, reason }, [
    ["session_id", "0", { sessionId: 0n }],
    noReason,
  ]),
  ...badInputs(
    admin.clearQuarantine,
    { namespace, subject: { case: "key", value: "k" }, expectedRevision: 1n, reason },
    [
      ["subject", "absent", { subject: undefined }],
      ["key", "empty", { subject: { case: "key", value: "" } }],
      ["principal", "too long", { subject: { case: "principal", value: long } }],
      ["expected_revision", "0", { expectedRevision: 0n }],
      noReason,
    ],
  ),
  ...badInputs(admin.quarantineIdentity, { namespace, principal: "p", reason }, [
    ["principal", "empty", { principal: "" }],
    noReason,
  ]),
  ...badInputs(admin.listQuarantines, { namespace }, []),
  ...badInputs(admin.getPolicy, { namespace }, [["key", "too long", { key: long }]]),
  ...badInputs(admin.setPolicy, { namespace, keyPrefix: "a/", policy: {}, reason }, [
    ["key_prefix", "too long", { keyPrefix: long }],
    ...badPolicy,
    ["expected_version", "above 2^63", { expectedVersion: above }],
    noReason,
  ]),
  ...badInputs(admin.getWaitGraph, { namespace }, [
    ["key_prefix", "too long", { keyPrefix: long }],
    ["waits_max", "negative", { waitsMax: -1 }],
    ["waits_max", "too many", { waitsMax: 10_001 }],
  ]),
  ...badInputs(admin.createNamespace, { namespace: "new", settings: {}, reason }, [
    ...badSettings,
    noReason,
  ]),
  ...badInputs(admin.updateNamespace, { namespace, settings: {}, reason }, [
    ["settings", "absent", { settings: undefined }],
    ...badSettings,
    ["expected_version", "above 2^63", { expectedVersion: above }],
    noReason,
  ]),
  ...badInputs(admin.listNamespaces, {}, []),
];
