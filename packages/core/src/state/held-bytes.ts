import { type LockTarget, utf8Length } from "@lockstep/protocol";

/** Bytes of the keys and the owner of a hold, a ticket or a request for one. */
export function heldBytes(one: { owner: string; targets: readonly LockTarget[] }): number {
  let bytes = utf8Length(one.owner);
  for (const { key } of one.targets) bytes += utf8Length(key);
  return bytes;
}
