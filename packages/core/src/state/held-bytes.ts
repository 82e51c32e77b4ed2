import { type LockTarget, utf8Length } from "@lockstep/protocol";

/** What a target takes in GetSession beside its key. The first one is counted with its hold. */
const TARGET_BYTES = 64;

/** What a further request id, or an earlier token, takes in GetSession. */
export const NUMBER_BYTES = 24;

/**
 * Bytes of what a hold, a waiting request or a new one keeps in memory and shows in GetSession, beside
 * what each of them takes: its texts, its value, its targets but the first.
 */
export function heldBytes(
  owner: string,
  targets: readonly LockTarget[],
  value: Uint8Array | undefined,
  metadata: Readonly<Record<string, string>> | undefined,
): number {
  let bytes = utf8Length(owner) + (targets.length - 1) * TARGET_BYTES + (value?.length ?? 0);
  for (const { key } of targets) bytes += utf8Length(key);
  for (const key in metadata) bytes += utf8Length(key) + utf8Length(metadata[key] ?? "");
  return bytes;
}

/** Bytes of request ids beyond the first, and of earlier tokens. */
export function numberBytes(
  requestIds: readonly bigint[],
  earlierTokens: readonly bigint[],
): number {
  return (requestIds.length - 1 + earlierTokens.length) * NUMBER_BYTES;
}
