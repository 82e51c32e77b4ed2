import type { AppendRequest, Limits } from "@lockstep/protocol";
import { limitExceeded } from "../../refusal.ts";

/**
 * A batch has a bounded number of changes and of bytes.
 * @throws Refusal LIMIT_EXCEEDED.
 */
export function requireSize(limits: Limits, { changes }: AppendRequest): void {
  const maxChanges = limits.max_append_changes;
  if (changes.length > maxChanges)
    throw limitExceeded(
      "max_append_changes",
      maxChanges,
      "too many changes in one batch: split it",
    );
  let bytes = 0;
  for (const { key, value } of changes) bytes += key.length + value.length;
  const maxBytes = limits.max_append_bytes;
  if (bytes > maxBytes)
    throw limitExceeded(
      "max_append_bytes",
      maxBytes,
      `keys and values of one batch take ${bytes} bytes: split it`,
    );
}
