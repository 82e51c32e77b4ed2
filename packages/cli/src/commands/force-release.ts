import type { Client } from "@lockstep/client";
import { ForceReleaseResponseSchema, type Lock } from "@lockstep/protocol";
import { Command } from "commander";
import { withClient } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { EXIT } from "../exit-codes.ts";
import { type ActOptions, actOf, withActOptions } from "../options/act.ts";
import { parseNumber } from "../options/parse.ts";
import { messageLine } from "../output/json.ts";
import { LOCK_HEADING, lockRows } from "../output/lock-rows.ts";
import { printLines, printProblems } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { tableLines } from "../output/table.ts";
import { durationText } from "../output/time.ts";

interface ForceReleaseOptions extends ActOptions {
  readonly expectedToken?: bigint;
  readonly immediate?: boolean;
}

const HELP = `
Without --expected-token the lock is read first, shown on standard error, and the token of its one holder is used; when
several hold the key, nothing is done. The keys of the hold stay DELAYED until the client that lost them knows, or its
time to live has passed. --immediate leaves that out: only for a client that is known to be dead, otherwise the old and
the new holder both believe. It also ends a delay that runs already.`;

/** `lockstep force-release`: ends a hold. */
export function forceReleaseCommand(): Command {
  const command = new Command("force-release")
    .summary("take a lock from its holder")
    .description("Ends the hold of KEY, with all its keys.")
    .argument("<KEY>", "the key")
    .option("--expected-token <TOKEN>", "the token of the hold to end", parseNumber)
    .option("--immediate", "free the keys at once; only when the client is known to be dead")
    .addHelpText("after", HELP);
  return withActOptions(command, "ForceReleaseResponse").action(
    (key: string, options: ForceReleaseOptions) =>
      withClient(options, (client) => forceRelease(client, key, options)),
  );
}

async function forceRelease(
  client: Client,
  key: string,
  options: ForceReleaseOptions,
): Promise<void> {
  const immediate = options.immediate === true;
  const expectedToken = options.expectedToken ?? (await tokenOf(client, key, immediate));
  const act = { ...actOf(options), key, expectedToken, immediate };
  const reply = await client.admin.forceRelease(act);
  const { holdId, delayRemainingMs } = reply;
  const delay =
    delayRemainingMs > 0n
      ? `its keys stay blocked for at most ${durationText(delayRemainingMs)}`
      : "its keys are free";
  printLines([
    options.json
      ? messageLine(ForceReleaseResponseSchema, reply)
      : `hold ${holdId} is over; ${delay}`,
  ]);
}

/** The token of the one hold that can be meant, which is shown. */
async function tokenOf(client: Client, key: string, immediate: boolean): Promise<bigint> {
  const { lock } = await client.getLock(key);
  if (lock !== undefined) printProblems(tableLines(LOCK_HEADING, lockRows(lock)));
  const tokens = lock === undefined ? [] : tokensIn(lock, immediate);
  const [token] = tokens;
  const name = printable(JSON.stringify(key));
  if (token === undefined) throw new CommandError(EXIT.failed, `nobody holds ${name}`);
  const count = Math.max(tokens.length, lock?.holderCount ?? 0);
  if (count > 1) {
    const message = `there are ${count} holds of ${name}: say which, --expected-token TOKEN`;
    throw new CommandError(EXIT.failed, message);
  }
  return token;
}

/** Of the holders; where there are none and a delay can be ended, of what blocks the key. */
function tokensIn({ holders, delays }: Lock, immediate: boolean): bigint[] {
  const held = holders.map(({ token }) => token);
  return held.length > 0 || !immediate ? held : delays.map(({ token }) => token);
}
