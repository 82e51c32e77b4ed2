import type { AcquireRequest, CancelAcquireRequest, ReleaseRequest } from "@lockstep/protocol";

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
  const both = (BigInt(a >>> 0) << 32n) | BigInt(b >>> 0);
  return both === 0n ? 1n : both;
}

/** Everything in an Acquire but the poll timeout, `answered` and tracing. */
export function acquireFingerprint(request: AcquireRequest): bigint {
  let text = `acquire\u0000${request.owner}\u0000${request.waitMs}`;
  for (const { key, mode } of request.targets) text += `\u0000${key}\u0000${mode}`;
  return fingerprint(text);
}

export function releaseFingerprint(request: ReleaseRequest): bigint {
  return fingerprint(`release\u0000${request.holdId}\u0000${request.token}`);
}

export function cancelFingerprint(request: CancelAcquireRequest): bigint {
  return fingerprint(`cancel\u0000${request.acquireRequestId}`);
}

/** A CloseSession says nothing but what it is. */
export function closeFingerprint(): bigint {
  return fingerprint("close");
}
