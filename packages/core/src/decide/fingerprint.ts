import {
  type AcquireRequest,
  type CancelAcquireRequest,
  type ConvertRequest,
  OnLossAction,
  Reentrancy,
  type ReleaseRequest,
  type SetValueRequest,
  type TransferRequest,
} from "@lockstep/protocol";

/**
 * A 64-bit fingerprint of what a request asks for, never 0: it tells a repeat of a request id from its
 * use for something else. Not a defence: a client can only deceive itself. Two independent 32-bit
 * hashes (FNV-1a and a multiply-xorshift) over the UTF-16 code units.
 */
function fingerprint(text: string): bigint {
  let a = 0x811c9dc5;
  let b = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    a = Math.imul(a ^ unit, 0x01000193);
    b = Math.imul(b ^ unit, 0x85ebca6b);
    b ^= b >>> 13;
  }
  HALVES.setInt32(0, a);
  HALVES.setInt32(4, b);
  const both = HALVES.getBigUint64(0);
  return both === 0n ? 1n : both;
}

/** Where two halves become one number without numbers in between. */
const HALVES = new DataView(new ArrayBuffer(8));

/**
 * Everything in an Acquire but the poll timeout, `answered` and tracing. What is left at its default
 * adds nothing; each other field begins with a letter of its own.
 */
export function acquireFingerprint(request: AcquireRequest): bigint {
  let text = `acquire\u0000${request.owner}\u0000${request.waitMs}`;
  for (const { key, mode, permits } of request.targets) {
    text += `\u0000${key}\u0000${mode}`;
    if (permits > 0) text += `*${permits}`;
  }
  const { reentrancy, maxHoldMs, onLoss, deadlockPriority, value, metadata } = request;
  if (reentrancy === Reentrancy.COUNT) text += "\u0001r";
  if (maxHoldMs > 0n) text += `\u0001h${maxHoldMs}`;
  if (onLoss !== undefined && onLoss.action > OnLossAction.RELEASE)
    text += `\u0001l${onLoss.action}\u0000${onLoss.delayMs}`;
  if (deadlockPriority !== 0) text += `\u0001d${deadlockPriority}`;
  for (const name of Object.keys(metadata).sort()) text += `\u0001m${name}\u0000${metadata[name]}`;
  if (value.length > 0) text += `\u0001v${textOf(value)}`;
  return fingerprint(text);
}

export function releaseFingerprint(request: ReleaseRequest): bigint {
  return fingerprint(`release\u0000${request.holdId}\u0000${request.token}`);
}

export function cancelFingerprint(request: CancelAcquireRequest): bigint {
  return fingerprint(`cancel\u0000${request.acquireRequestId}`);
}

/** Everything in a Convert but the poll timeout, `answered` and tracing. */
export function convertFingerprint(request: ConvertRequest): bigint {
  const { holdId, token, key, mode, waitMs, deadlockPriority } = request;
  return fingerprint(
    `convert\u0000${holdId}\u0000${token}\u0000${mode}\u0000${waitMs}\u0000${deadlockPriority}\u0000${key}`,
  );
}

export function transferFingerprint(request: TransferRequest): bigint {
  const { holdId, token, toSessionId, toRequestId } = request;
  return fingerprint(
    `transfer\u0000${holdId}\u0000${token}\u0000${toSessionId}\u0000${toRequestId}`,
  );
}

export function setValueFingerprint({ holdId, token, value }: SetValueRequest): bigint {
  return fingerprint(`value\u0000${holdId}\u0000${token}\u0000${textOf(value)}`);
}

/** A CloseSession says nothing but what it is. */
export function closeFingerprint(): bigint {
  return fingerprint("close");
}

/** Bytes as text that can be told from any other bytes. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
