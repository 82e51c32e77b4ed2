import { LockMode, parseSequencer } from "@lockstep/protocol";
import { type Command, InvalidArgumentError } from "commander";
import type { ServerOptions } from "../connection/server-options.ts";
import { parseDurationMs, parseNumber } from "./parse.ts";
import { type GivenDurability, parseDurability, parseSchemaVersion } from "./parse-dataset.ts";

/** What is said about an append, beside its changes. */
export interface AppendOptions extends ServerOptions {
  readonly delete?: boolean;
  readonly hex?: boolean;
  readonly lines?: string;
  readonly idempotencyKey?: string;
  readonly sinceSeq?: bigint;
  readonly expectedHead?: bigint;
  readonly expectedSeq?: bigint;
  readonly schemaVersion?: number;
  readonly fence?: GivenFence;
  readonly durability?: GivenDurability;
  readonly wait?: number;
  readonly origin?: string;
  readonly correlationId?: string;
  readonly json?: boolean;
}

/** A lock that is shown with an append. */
interface GivenFence {
  readonly key: string;
  readonly token: bigint;
}

/** Gives a command the flags of an append. */
export function withAppendOptions(command: Command): Command {
  return command
    .option("--delete", "delete KEY")
    .option("--hex", "KEY is given as hex digits")
    .option("--lines <FILE>", "append the changes in FILE, - for standard input; see below")
    .option("--idempotency-key <ID>", "the change is recognised by it when it comes again")
    .option(
      "--since-seq <SEQ>",
      "a head known before the first attempt: fails when the id may be forgotten",
      parseNumber,
    )
    .option("--expected-head <SEQ>", "fail unless this is the last change", parseNumber)
    .option(
      "--expected-seq <SEQ>",
      "fail unless the row of KEY has this seq; 0: there must be none",
      parseNumber,
    )
    .option(
      "--schema-version <VERSION>",
      "the version of the value's form; replicas stop before one they do not know (default 0)",
      parseSchemaVersion,
    )
    .option("--fence <SEQUENCER>", "the lock that shows the right to append", parseFence)
    .option(
      "--durability <MODE>",
      "how far it must come: local, quorum:COUNT or all-in-sync (default: the dataset's)",
      parseDurability,
    )
    .option("--wait <DURATION>", "how long to wait for replicas (default 10s)", parseDurationMs)
    .option("--origin <WHO>", "who writes, as the log tells it (default: the principal)")
    .option("--correlation-id <ID>", "stored in the changes and in the event");
}

/** What an append says, beside its changes. */
export function appendOf({
  sinceSeq,
  expectedHead,
  fence,
  durability,
  wait,
  origin,
  correlationId,
}: AppendOptions) {
  return {
    ...(sinceSeq !== undefined && { sinceSeq }),
    ...(expectedHead !== undefined && { expectedHeadSeq: expectedHead }),
    ...(fence !== undefined && { fence }),
    ...(durability !== undefined && { durability }),
    ...(wait !== undefined && { replicationTimeoutMs: BigInt(wait) }),
    ...(origin !== undefined && { origin }),
    ...(correlationId !== undefined && { correlationId }),
  };
}

/** Reads a sequencer of an exclusive lock, as `lockstep run` gives it to its command. */
function parseFence(text: string): GivenFence {
  try {
    const { key, mode, token } = parseSequencer(text);
    if (mode === LockMode.EXCLUSIVE) return { key, token };
  } catch {
    // Told below.
  }
  throw new InvalidArgumentError("Give the sequencer of an exclusive lock: KEY/EXCLUSIVE/TOKEN.");
}
