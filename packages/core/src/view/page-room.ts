import type {
  Blocker,
  IdentityQuarantine,
  Lock,
  LockDelay,
  LockHolder,
  LockWaiter,
  ReleaseAsked,
  Session,
  Wait,
} from "@lockstep/protocol";

// Bounds of what an item takes in JSON, the longest form, beside its texts: names of fields, numbers.
const SESSION_BYTES = 512;
const METADATA_ENTRY_BYTES = 16;
const LOCK_BYTES = 640;
const LOCK_ENTRY_BYTES = 512;
/** A UTF-16 unit takes at most three bytes of UTF-8; one that JSON escapes takes two. */
const BYTES_PER_UNIT = 3;
/** The page's own header and token; the token is a key. */
const PAGE_BYTES = 4_096;

/**
 * What still fits into a page, so that a page of long texts is shorter instead of larger than a reply
 * may be. The first item always fits.
 */
export class PageRoom {
  #bytes: number;
  #isEmpty = true;

  constructor(maxResponseBytes: number) {
    this.#bytes = maxResponseBytes - PAGE_BYTES;
  }

  /** Takes so many bytes if they have room, and says whether they had. */
  takeIfFits(bytes: number): boolean {
    if (!this.fits(bytes)) return false;
    this.#bytes -= bytes;
    return true;
  }

  /** Whether so many bytes have room. */
  fits(bytes: number): boolean {
    return bytes <= this.#bytes;
  }

  /** Takes the room of one more item; false when there is none. */
  take(bytes: number): boolean {
    this.#bytes -= bytes;
    const fits = this.#bytes >= 0 || this.#isEmpty;
    this.#isEmpty = false;
    return fits;
  }
}

/** At least as many bytes as a session takes in a reply. */
export function sessionBytes({ displayName, principal, metadata }: Session): number {
  let bytes = SESSION_BYTES + textBytes(displayName) + textBytes(principal);
  for (const [key, value] of Object.entries(metadata)) {
    bytes += METADATA_ENTRY_BYTES + textBytes(key) + textBytes(value);
  }
  return bytes;
}

/** At least as many bytes as a key with all that is shown of it takes in a reply. */
export function lockBytes({ key, holders, delays, queue }: Lock): number {
  let bytes = LOCK_BYTES + textBytes(key);
  for (const holder of holders) bytes += holderBytes(holder);
  for (const delay of delays) bytes += delayBytes(delay);
  for (const waiter of queue) bytes += waiterBytes(waiter);
  return bytes;
}

/** At least as many bytes as a holder takes in a reply. */
export function holderBytes(holder: LockHolder): number {
  const { value, metadata, releaseAsked } = holder;
  // Bytes are written as base64.
  let bytes = LOCK_ENTRY_BYTES + textsOf(holder) + 2 * value.length;
  for (const key in metadata) bytes += METADATA_ENTRY_BYTES + textBytes(key + metadata[key]);
  if (releaseAsked !== undefined) bytes += LOCK_ENTRY_BYTES + askedBytes(releaseAsked);
  return bytes;
}

/** At least as many bytes as a lost hold takes in a reply. */
export function delayBytes(_: LockDelay): number {
  return LOCK_ENTRY_BYTES;
}

/** At least as many bytes as a waiter takes in a reply. */
export function waiterBytes(waiter: LockWaiter): number {
  return LOCK_ENTRY_BYTES + textsOf(waiter);
}

/** At least as many bytes as a quarantined principal takes in a reply. */
export function identityBytes({ principal, reason, actor }: IdentityQuarantine): number {
  return LOCK_BYTES + textBytes(principal) + textBytes(reason) + textBytes(actor);
}

/** At least as many bytes as a waiting request with those it waits for takes in a reply. */
export function waitBytes({ waiter, waitsFor }: Wait): number {
  let bytes = LOCK_BYTES + (waiter === undefined ? 0 : blockerBytes(waiter));
  for (const blocker of waitsFor) bytes += blockerBytes(blocker);
  return bytes;
}

/** At least as many bytes as somebody in the way takes in a reply. */
export function blockerBytes({ key, displayName, owner, correlationId }: Blocker): number {
  return LOCK_ENTRY_BYTES + textBytes(key + displayName + owner + correlationId);
}

/** At least as many bytes as the texts of a wish for release take in a reply. */
export function askedBytes({ actor, reason }: ReleaseAsked): number {
  return textBytes(actor + reason);
}

function textsOf({ displayName, owner, correlationId }: LockHolder | LockWaiter): number {
  return textBytes(displayName) + textBytes(owner) + textBytes(correlationId);
}

function textBytes(text: string): number {
  return text.length * BYTES_PER_UNIT;
}
