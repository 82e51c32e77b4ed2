import type { Change } from "@lockstep/protocol";

/** What a change has beside its texts and bytes: numbers, tags and lengths. */
const FIXED_BYTES = 48;

/** About how many bytes a change takes, in a message as in a table; never fewer. */
export function changeBytes(change: Change): number {
  const { key, value, origin, idempotencyKey, correlationId } = change;
  // A character of a text takes at most three bytes of UTF-8 for each unit of its length.
  const texts = (origin.length + idempotencyKey.length + correlationId.length) * 3;
  return FIXED_BYTES + key.length + value.length + texts;
}
