import { LockMode, LockService, OnLossAction } from "@lockstep/protocol";
import { above, type BadInput, type BadValue, badInputs, long, session } from "./rows.ts";
import { badMetadata } from "./sessions.ts";

const { acquire, cancelAcquire, checkFence, getLock, listLocks, watch, listEvents } =
  LockService.method;
const namespace = "default";
const targets = [{ key: "k", mode: LockMode.EXCLUSIVE }];
const target = (change: object) => ({ targets: [{ ...targets[0], ...change }] });

const badTargets: BadValue[] = [
  ["targets", "none", { targets: [] }],
  ["targets", "too many", { targets: Array.from({ length: 65 }, (_, i) => ({ key: `${i}` })) }],
  ["targets[0].key", "empty", target({ key: "" })],
  ["targets[0].key", "too long", target({ key: "é".repeat(257) })],
  ["targets[0].key", "with a control character", target({ key: "a\u007fb" })],
  ["targets[1].key", "that of another target", { targets: [targets[0], targets[0]] }],
  ["targets[0].mode", "absent", target({ mode: LockMode.UNSPECIFIED })],
  ["targets[0].mode", "unknown", target({ mode: 99 })],
  ["targets[0].permits", "without PERMITS", target({ permits: 1 })],
  ["targets[0].permits", "0 with PERMITS", target({ mode: LockMode.PERMITS })],
  ["targets[0].permits", "too many", target({ mode: LockMode.PERMITS, permits: 1_000_001 })],
];

/** How long to wait, wrongly. */
export const badWait: readonly BadValue[] = [
  ["wait_ms", "negative", { waitMs: -1n }],
  ["poll_timeout_ms", "negative", { pollTimeoutMs: -1n }],
  ["poll_timeout_ms", "too long", { pollTimeoutMs: 60_001n }],
];

/** What to publish, wrongly. */
export const badValue: BadValue = ["value", "too long", { value: new Uint8Array(4_097) }];

const onLoss = (action: number, delayMs: bigint) => ({ onLoss: { action, delayMs } });

const badTerms: BadValue[] = [
  ["reentrancy", "unknown", { reentrancy: 99 }],
  ["max_hold_ms", "negative", { maxHoldMs: -1n }],
  ["on_loss.action", "unknown", onLoss(99, 0n)],
  ["on_loss.delay_ms", "0 with DELAY", onLoss(OnLossAction.DELAY, 0n)],
  ["on_loss.delay_ms", "too long", onLoss(OnLossAction.DELAY, 3_600_001n)],
  ["on_loss.delay_ms", "without DELAY", onLoss(OnLossAction.QUARANTINE, 1n)],
  ["on_loss.delay_ms", "negative", onLoss(OnLossAction.UNSPECIFIED, -1n)],
  badValue,
];

const filter = (change: object) => ({ filter: change });

const badFilter: BadValue[] = [
  ["filter.keys", "too many", filter({ keys: Array.from({ length: 129 }, (_, i) => `${i}`) })],
  ["filter.keys[1]", "empty", filter({ keys: ["a", ""] })],
  ["filter.key_prefix", "too long", filter({ keyPrefix: long })],
  ["filter.key_prefix", "beside keys", filter({ keys: ["a"], keyPrefix: "b" })],
  ["filter.session_id", "above 2^63", filter({ sessionId: above })],
  ["filter.actor", "too long", filter({ actor: long })],
  ["filter.actor", "with a control character", filter({ actor: "a\tb" })],
  ["filter.from_at_ms", "negative", filter({ fromAtMs: -1n })],
  ["filter.until_at_ms", "negative", filter({ untilAtMs: -1n })],
  ["filter.dataset", "too long", filter({ dataset: long })],
];

/** Bad requests of the LockService, those about holds apart. */
export const lockInputs: readonly BadInput[] = [
  ...badInputs(acquire, { session, requestId: 1n, targets }, [
    ...badTargets,
    ["owner", "too long", { owner: long }],
    ["owner", "with a control character", { owner: "\t" }],
    ...badWait,
    ...badTerms,
    ...badMetadata,
  ]),
  ...badInputs(cancelAcquire, { session, requestId: 1n, acquireRequestId: 1n }, [
    ["acquire_request_id", "0", { acquireRequestId: 0n }],
  ]),
  ...badInputs(checkFence, { namespace, key: "k", token: 1n }, [
    ["key", "empty", { key: "" }],
    ["token", "0", { token: 0n }],
  ]),
  ...badInputs(getLock, { namespace, key: "k" }, [["key", "too long", { key: long }]]),
  ...badInputs(listLocks, { namespace }, [["key_prefix", "too long", { keyPrefix: long }]]),
  ...badInputs(watch, { namespace }, [
    ["after_revision", "above 2^63", { afterRevision: above }],
    ...badFilter,
  ]),
  ...badInputs(listEvents, { namespace }, [
    ["after_revision", "above 2^63", { afterRevision: above }],
    ...badFilter,
  ]),
];
