import type { EventSelection } from "@lockstep/client";
import type { Command } from "commander";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { parseNumber } from "./parse.ts";

/** Which events are meant, beside the key. */
export interface SelectionOptions {
  readonly prefix?: string;
  readonly session?: bigint;
  readonly actor?: string;
}

/** Gives a command the argument and the flags that say which events are meant. */
export function withSelection(command: Command): Command {
  return command
    .argument("[KEY]", "only events that name this key")
    .option("--prefix <PREFIX>", "only events that name a key that starts with this")
    .option("--session <SESSION>", "only events about this session", parseNumber)
    .option("--actor <PRINCIPAL>", "only events that this principal caused");
}

/**
 * Which events are meant.
 * @throws CommandError when a key and a prefix are given
 */
export function selectionOf(
  key: string | undefined,
  { prefix, session, actor }: SelectionOptions,
): EventSelection {
  if (key !== undefined && prefix !== undefined) {
    throw new CommandError(EXIT.usage, "give KEY or --prefix, not both");
  }
  return {
    ...(key !== undefined && { keys: [key] }),
    ...(prefix !== undefined && { prefix }),
    ...(session !== undefined && { sessionId: session }),
    ...(actor !== undefined && { actor }),
  };
}
