import type { SetPolicyOptions } from "@lockstep/client";
import {
  type GetPolicyResponse,
  GetPolicyResponseSchema,
  type PrefixPolicy,
  SetPolicyResponseSchema,
} from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { CALL_EXIT_CODES, EXIT } from "../exit-codes.ts";
import { type ActOptions, actOf, withActOptions } from "../options/act.ts";
import { parseCount, parseDurationMs, parseNumber } from "../options/parse.ts";
import { messageLine } from "../output/json.ts";
import { policyText } from "../output/policy-text.ts";
import { printLines } from "../output/print.ts";
import { tableLines } from "../output/table.ts";

interface ChangeOptions extends ActOptions {
  readonly expectedVersion?: bigint;
}

interface SetOptions extends ChangeOptions {
  readonly maxHold?: number;
  readonly lockDelay?: number;
  readonly permits?: number;
  readonly maxWaiters?: number;
  readonly maxWait?: number;
  readonly unbounded?: boolean;
}

const HEADING = ["PREFIX", "POLICY"];

/** `lockstep policy`: what bounds the locks of a key prefix. */
export function policyCommand(): Command {
  return new Command("policy")
    .summary("show and change what bounds the locks of a prefix")
    .description(
      "The policy of the longest prefix of a key that has one bounds its locks, as a whole: policies do not add up.",
    )
    .addCommand(getCommand())
    .addCommand(setCommand())
    .addCommand(removeCommand());
}

function getCommand(): Command {
  return withServerOptions(new Command("get"))
    .summary("show all policies, or that in force for a key")
    .description("Shows all policies by prefix, or the one that is in force for KEY.")
    .argument("[KEY]", "the key")
    .option("--json", "print one line of JSON, the protocol's GetPolicyResponse")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((key: string | undefined, options: ServerOptions & { json?: boolean }) =>
      withClient(options, async ({ admin }) => {
        const reply = await admin.getPolicy(key === undefined ? {} : { key });
        const lines = key === undefined ? allLines(reply) : inForceLines(reply);
        printLines(options.json ? [messageLine(GetPolicyResponseSchema, reply)] : lines);
      }),
    );
}

function setCommand(): Command {
  const command = new Command("set")
    .summary("set the policy of a prefix, all of it")
    .description(
      'Sets the policy of PREFIX, "" for all keys. What is not given is not bounded by it. It acts on what is granted later; --permits also on who waits already. Durations: 500ms, 15s, 2m, 1h.',
    )
    .argument("<PREFIX>", "the prefix")
    .option("--max-hold <DURATION>", "how long a lock may be held", parseDurationMs)
    .option("--lock-delay <DURATION>", "how long keys stay blocked after a loss", parseDurationMs)
    .option("--permits <COUNT>", "the keys take only PERMITS, so many at once", parseCount)
    .option("--max-waiters <COUNT>", "how many may wait for one key", parseCount)
    .option("--max-wait <DURATION>", "how long a wait may be", parseDurationMs)
    .option("--unbounded", "no bound at all: the keys are free from shorter prefixes' policies");
  return withChangeOptions(command).action((prefix: string, options: SetOptions) => {
    const { maxHold = 0, lockDelay = 0, permits = 0, maxWaiters = 0, maxWait = 0 } = options;
    const bounds = [maxHold, lockDelay, permits, maxWaiters, maxWait];
    if (bounds.every((bound) => bound === 0) !== (options.unbounded === true))
      throw new CommandError(EXIT.usage, "give a bound, or else --unbounded, and not both");
    const policy = {
      maxHoldMs: BigInt(maxHold),
      lockDelayMs: BigInt(lockDelay),
      permits,
      maxWaiters,
      maxWaitMs: BigInt(maxWait),
    };
    return change(options, prefix, policy);
  });
}

function removeCommand(): Command {
  const command = new Command("remove")
    .summary("remove the policy of a prefix")
    .description(
      "Removes the policy of PREFIX; a shorter prefix may have one that is in force then.",
    )
    .argument("<PREFIX>", "the prefix");
  return withChangeOptions(command).action((prefix: string, options: ChangeOptions) =>
    change(options, prefix, null),
  );
}

function withChangeOptions(command: Command): Command {
  return withActOptions(command, "SetPolicyResponse").option(
    "--expected-version <VERSION>",
    "the version of the policies it was decided on (default: the present one)",
    parseNumber,
  );
}

function change(
  options: ChangeOptions,
  prefix: string,
  policy: SetPolicyOptions["policy"],
): Promise<void> {
  return withClient(options, async ({ admin }) => {
    const { policies, version } = await admin.getPolicy();
    if (policy === null && !policies.some(({ keyPrefix }) => keyPrefix === prefix))
      throw new CommandError(
        EXIT.failed,
        `there is no policy of ${JSON.stringify(prefix)}: lockstep policy get shows all`,
      );
    const { expectedVersion = version } = options;
    const reply = await admin.setPolicy({ ...actOf(options), prefix, policy, expectedVersion });
    printLines([
      options.json ? messageLine(SetPolicyResponseSchema, reply) : versionText(reply.version),
    ]);
  });
}

/** With the version, which `--expected-version` of a change wants. */
function allLines({ policies, version }: GetPolicyResponse): string[] {
  if (policies.length === 0) return ["There are no policies."];
  return [...tableLines(HEADING, policies.map(rowOf)), "", versionText(version)];
}

function inForceLines({ inForce }: GetPolicyResponse): string[] {
  return inForce === undefined ? ["No policy is in force."] : tableLines(HEADING, [rowOf(inForce)]);
}

function versionText(version: bigint): string {
  return `the policies have version ${version}`;
}

function rowOf({ keyPrefix, policy }: PrefixPolicy): string[] {
  return [keyPrefix || '""', policy === undefined ? "" : policyText(policy)];
}
