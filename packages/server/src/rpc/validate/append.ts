import { limitExceeded } from "@lockstep/core";
import {
  type AppendFence,
  type AppendRequest,
  ChangeOp,
  type Limits,
  type NewChange,
  type WaitForReplicationRequest,
} from "@lockstep/protocol";
import { invalidField } from "../errors.ts";
import { checkDatasetName, checkDurability } from "./dataset.ts";
import {
  checkCorrelationId,
  checkDuration,
  checkName,
  checkNumber,
  checkPositive,
  checkText,
} from "./fields.ts";

const ORIGIN_BYTES = 512;
const IDEMPOTENCY_KEY_BYTES = 128;

/** The bounds of an AppendRequest, its namespace apart. */
export function checkAppend(request: AppendRequest, limits: Limits): void {
  checkName("dataset", request.dataset);
  checkChanges(request.changes, limits);
  checkFence(request.fence);
  const { expectedHeadSeq, sinceSeq } = request;
  if (expectedHeadSeq !== undefined) checkNumber("expected_head_seq", expectedHeadSeq);
  if (sinceSeq !== undefined) checkNumber("since_seq", sinceSeq);
  checkDurability("durability", request.durability, limits);
  checkReplicationTimeout(request.replicationTimeoutMs, limits);
  checkText("origin", request.origin, ORIGIN_BYTES);
  checkCorrelationId(request.correlationId);
}

/** The bounds of a WaitForReplicationRequest. */
export function checkWaitForReplication(request: WaitForReplicationRequest, limits: Limits): void {
  checkDatasetName(request);
  checkPositive("seq", request.seq);
  checkDurability("durability", request.durability, limits);
  checkReplicationTimeout(request.replicationTimeoutMs, limits);
}

/** Demands the key of a row. */
export function checkEntryKey(field: string, key: Uint8Array, limits: Limits): void {
  const max = limits.max_entry_key_bytes;
  if (key.length < 1 || key.length > max) throw invalidField(field, `must be 1 to ${max} bytes`);
}

function checkChanges(changes: readonly NewChange[], limits: Limits): void {
  if (changes.length === 0) throw invalidField("changes", "must not be empty");
  const { max_append_changes, max_append_bytes } = limits;
  if (changes.length > max_append_changes) {
    const what = "the batch has too many changes: append it in parts";
    throw limitExceeded("max_append_changes", max_append_changes, what);
  }
  const idempotencyKeys = new Set<string>();
  let bytes = 0;
  for (const [index, change] of changes.entries()) {
    checkChange(index, change, limits);
    bytes += change.key.length + change.value.length;
    const { idempotencyKey } = change;
    if (idempotencyKey === "") continue;
    if (idempotencyKeys.has(idempotencyKey)) {
      throw invalidField(`changes[${index}].idempotency_key`, "must be that of no other change");
    }
    idempotencyKeys.add(idempotencyKey);
  }
  if (bytes > max_append_bytes) {
    const what = "the keys and values of the batch are too many bytes: append it in parts";
    throw limitExceeded("max_append_bytes", max_append_bytes, what);
  }
}

function checkChange(index: number, change: NewChange, limits: Limits): void {
  const { op, key, value, idempotencyKey, expectedKeySeq } = change;
  if (op !== ChangeOp.PUT && op !== ChangeOp.DELETE) {
    throw invalidField(`changes[${index}].op`, "must be PUT or DELETE");
  }
  // Names of fields are made only for what is refused: a batch has many changes.
  if (key.length < 1 || key.length > limits.max_entry_key_bytes) {
    checkEntryKey(`changes[${index}].key`, key, limits);
  }
  if (op === ChangeOp.DELETE && value.length > 0) {
    throw invalidField(`changes[${index}].value`, "must be empty with DELETE");
  }
  if (idempotencyKey !== "") {
    checkText(`changes[${index}].idempotency_key`, idempotencyKey, IDEMPOTENCY_KEY_BYTES);
  }
  if (expectedKeySeq !== undefined) {
    checkNumber(`changes[${index}].expected_key_seq`, expectedKeySeq);
  }
}

function checkFence(fence: AppendFence | undefined): void {
  if (fence === undefined) return;
  checkName("fence.key", fence.key);
  checkPositive("fence.token", fence.token);
}

function checkReplicationTimeout(timeoutMs: bigint, limits: Limits): void {
  checkDuration("replication_timeout_ms", timeoutMs, 0, limits.max_replication_wait_ms);
}
