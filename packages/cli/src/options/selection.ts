import type { EventSelection } from "@lockstep/client";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";

/**
 * Which events are meant by a key or a prefix.
 * @throws CommandError when both are given
 */
export function selectionOf(key: string | undefined, prefix: string | undefined): EventSelection {
  if (key !== undefined && prefix !== undefined) {
    throw new CommandError(EXIT.usage, "give KEY or --prefix, not both");
  }
  if (key !== undefined) return { keys: [key] };
  return prefix === undefined ? {} : { prefix };
}
