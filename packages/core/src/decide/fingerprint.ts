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
 * hashes (FNV-1a and a multiply-xorshift) over the UTF-16 code units. Journals keep it: it never changes.
 */
class Fingerprint {
  #a = 0x811c9dc5;
  #b = 0x9e3779b9 | 0;

  /** Texts are hashed as they come: to join them first costs more than the hash. */
  add(text: string): this {
    let a = this.#a;
    let b = this.#b;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      a = Math.imul(a ^ unit, 0x01000193);
      b = Math.imul(b ^ unit, 0x85ebca6b);
      b ^= b >>> 13;
    }
    this.#a = a;
    this.#b = b;
    return this;
  }

  /** Adds a field: what separates it, and what it says. */
  field(separator: string, value: string | bigint | number): this {
    return this.add(separator).add(typeof value === "string" ? value : String(value));
  }

  get value(): bigint {
    HALVES.setInt32(0, this.#a);
    HALVES.setInt32(4, this.#b);
    const both = HALVES.getBigUint64(0);
    return both === 0n ? 1n : both;
  }
}

/** Where two halves become one number without numbers in between. */
const HALVES = new DataView(new ArrayBuffer(8));

/** What comes before a field that every request of its kind has. */
const NEXT = "\u0000";

/**
 * Everything in an Acquire but the poll timeout, `answered` and tracing. What is left at its default
 * adds nothing; each other field begins with a letter of its own.
 */
export function acquireFingerprint(request: AcquireRequest): bigint {
  const all = new Fingerprint().add("acquire");
  all.field(NEXT, request.owner).field(NEXT, request.waitMs);
  for (const { key, mode, permits } of request.targets) {
    all.field(NEXT, key).field(NEXT, mode);
    if (permits > 0) all.field("*", permits);
  }
  const { reentrancy, maxHoldMs, onLoss, deadlockPriority, value, metadata } = request;
  if (reentrancy === Reentrancy.COUNT) all.add("\u0001r");
  if (maxHoldMs > 0n) all.field("\u0001h", maxHoldMs);
  if (onLoss !== undefined && onLoss.action > OnLossAction.RELEASE)
    all.field("\u0001l", onLoss.action).field(NEXT, onLoss.delayMs);
  if (deadlockPriority !== 0) all.field("\u0001d", deadlockPriority);
  for (const name of Object.keys(metadata).sort())
    all.field("\u0001m", name).field(NEXT, String(metadata[name]));
  if (value.length > 0) all.field("\u0001v", textOf(value));
  return all.value;
}

export function releaseFingerprint({ holdId, token }: ReleaseRequest): bigint {
  return new Fingerprint().add("release").field(NEXT, holdId).field(NEXT, token).value;
}

export function cancelFingerprint(request: CancelAcquireRequest): bigint {
  return new Fingerprint().add("cancel").field(NEXT, request.acquireRequestId).value;
}

/** Everything in a Convert but the poll timeout, `answered` and tracing. */
export function convertFingerprint(request: ConvertRequest): bigint {
  const all = new Fingerprint().add("convert");
  all.field(NEXT, request.holdId).field(NEXT, request.token).field(NEXT, request.mode);
  all.field(NEXT, request.waitMs).field(NEXT, request.deadlockPriority).field(NEXT, request.key);
  return all.value;
}

export function transferFingerprint(request: TransferRequest): bigint {
  const all = new Fingerprint().add("transfer");
  all.field(NEXT, request.holdId).field(NEXT, request.token);
  return all.field(NEXT, request.toSessionId).field(NEXT, request.toRequestId).value;
}

export function setValueFingerprint({ holdId, token, value }: SetValueRequest): bigint {
  const all = new Fingerprint().add("value").field(NEXT, holdId).field(NEXT, token);
  return all.field(NEXT, textOf(value)).value;
}

/** A CloseSession says nothing but what it is. */
export function closeFingerprint(): bigint {
  return new Fingerprint().add("close").value;
}

/** Bytes as text that can be told from any other bytes. */
function textOf(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return text;
}
