import { type Denied, DeniedReason } from "@lockstep/protocol";
import { NOT_GRANTED_REASONS, NotGrantedError, type NotGrantedReason } from "../errors.ts";

const KNOWN_REASONS: ReadonlySet<string> = new Set(NOT_GRANTED_REASONS);

/** A denial as the error an application sees. A reason newer than this client is a denial all the same. */
export function deniedError(
  keys: readonly string[],
  { reason, blockers, retryAfterMs, cycle }: Denied,
): NotGrantedError {
  const name: string | undefined = DeniedReason[reason];
  const known = name !== undefined && KNOWN_REASONS.has(name);
  return new NotGrantedError(
    keys,
    known ? (name as NotGrantedReason) : "UNKNOWN",
    blockers,
    Number(retryAfterMs),
    cycle,
  );
}
