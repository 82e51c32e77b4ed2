import type { HoldTerms, LockTarget } from "@lockstep/protocol";
import { NO_METADATA, NO_VALUE } from "./hold.ts";

// What a message brings, in the form in which it is kept for long: there may be millions of each. What a
// message was decoded into has room to grow, and its bytes are a window on all that was read with them.

/** Targets that take no more memory than they need. */
export function keptTargets(targets: readonly LockTarget[]): readonly LockTarget[] {
  const [first] = targets;
  if (first !== undefined && targets.length === 1) return [keptTarget(first)];
  return targets.map(keptTarget);
}

/** A target that takes no more memory than it needs. */
export function keptTarget({ key, mode, permits }: LockTarget): LockTarget {
  return { $typeName: "lockstep.v1.LockTarget", key, mode, permits };
}

/** Bytes of their own. */
export function keptBytes(bytes: Uint8Array): Uint8Array {
  return bytes.length === 0 ? NO_VALUE : new Uint8Array(bytes);
}

/** Metadata; where there is none it is the same for all. */
export function keptMetadata(
  metadata: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  for (const _ in metadata) return metadata;
  return NO_METADATA;
}

/** What was asked for a hold, with bytes of its own. */
export function keptTerms(terms: HoldTerms | undefined): HoldTerms | undefined {
  return terms === undefined || terms.value.length === 0
    ? terms
    : { ...terms, value: keptBytes(terms.value) };
}

/** Numbers that take no more memory than they need. */
export function keptIds(ids: readonly bigint[]): readonly bigint[] {
  const [first] = ids;
  return first !== undefined && ids.length === 1 ? [first] : [...ids];
}
