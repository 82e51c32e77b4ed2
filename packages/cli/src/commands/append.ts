import type { Client } from "@lockstep/client";
import {
  AppendOutcome,
  type AppendResponse,
  AppendResponseSchema,
  ChangeOp,
} from "@lockstep/protocol";
import { Command } from "commander";
import { withClient, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { EXIT, exitCodesHelp } from "../exit-codes.ts";
import { type AppendOptions, appendOf, withAppendOptions } from "../options/append-options.ts";
import { bytesOf } from "../options/bytes.ts";
import { counted } from "../output/counted.ts";
import { messageLine } from "../output/json.ts";
import { printLines, printProblems } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { progressReporter } from "../output/progress.ts";
import { changeBatches } from "../replication/change-lines.ts";

const HELP = `
--lines takes one change in each line, as the protocol's NewChange in JSON, key and value in base64; without an op it is a
PUT. What \`lockstep scan --all --json\` prints can be given to it. Each batch of at most 1,000 changes is appended whole.
When it fails half-way, the sentence says after which line: with an idempotencyKey in each line the file may be given again
as it is.
${exitCodesHelp({
  [EXIT.ok]: "appended",
  [EXIT.failed]: "the server does not answer, or refuses",
  [EXIT.usage]: "a flag, argument, variable or line that cannot be used",
  [EXIT.notReplicated]:
    "durable at the server, but not applied at as many replicas as was asked for",
})}`;

/** Flags that say something about one change, and so go without `--lines`. */
const OF_ONE_CHANGE = ["delete", "hex", "idempotencyKey", "expectedSeq", "schemaVersion"] as const;

/** `lockstep append`: writes to a dataset. */
export function appendCommand(end: (exitCode: number) => void): Command {
  const command = new Command("append")
    .summary("write to a dataset")
    .description("Appends a change to DATASET: KEY has VALUE from here on, or is deleted.")
    .argument("<DATASET>", "the dataset")
    .argument("[KEY]", "the key")
    .argument("[VALUE]", "its value");
  return withServerOptions(withAppendOptions(command))
    .option("--json", "print one line of JSON per batch, the protocol's AppendResponse")
    .addHelpText("after", HELP)
    .action((dataset: string, key = "", value: string | undefined, options: AppendOptions) => {
      const { lines } = options;
      refuseContradiction(key, value, options);
      return withClient(options, async (client) => {
        const replicated =
          lines === undefined
            ? await appendOne(client, dataset, changeOf(key, value, options), options)
            : await appendLines(client, dataset, lines, options);
        if (!replicated) end(EXIT.notReplicated);
      });
    });
}

function refuseContradiction(key: string, value: string | undefined, options: AppendOptions): void {
  const problem = problemOf(key, value, options);
  if (problem !== undefined) throw new CommandError(EXIT.usage, problem);
}

function problemOf(
  key: string,
  value: string | undefined,
  options: AppendOptions,
): string | undefined {
  if (options.lines !== undefined) {
    const given = OF_ONE_CHANGE.some((name) => options[name] !== undefined);
    return key !== "" || given ? "with --lines all about a change is said in its line" : undefined;
  }
  if (key === "") return "give KEY and VALUE, KEY --delete, or --lines FILE";
  if (options.delete) return value === undefined ? undefined : "with --delete there is no VALUE";
  return value === undefined ? 'give VALUE, "" for an empty one, or --delete' : undefined;
}

function changeOf(key: string, value: string | undefined, options: AppendOptions) {
  const { hex, idempotencyKey = "", expectedSeq, schemaVersion = 0 } = options;
  return {
    op: options.delete ? ChangeOp.DELETE : ChangeOp.PUT,
    key: bytesOf(key, hex),
    value: bytesOf(value ?? "", false),
    idempotencyKey,
    schemaVersion,
    ...(expectedSeq !== undefined && { expectedKeySeq: expectedSeq }),
  };
}

/** Whether it has come as far as was asked for. */
async function appendOne(
  { datasets }: Client,
  dataset: string,
  change: ReturnType<typeof changeOf>,
  options: AppendOptions,
): Promise<boolean> {
  const reply = await datasets.append({ ...appendOf(options), dataset, changes: [change] });
  const [appended] = reply.changes;
  const before = appended?.duplicate ? ", as it had been before" : "";
  const line = `appended to ${dataset} as ${reply.lastSeq}${before}${replicasText(reply)}`;
  printLines([options.json ? messageLine(AppendResponseSchema, reply) : printable(line)]);
  return tellOutcome(reply);
}

async function appendLines(
  { datasets }: Client,
  dataset: string,
  file: string,
  options: AppendOptions,
): Promise<boolean> {
  const report = progressReporter("append", "changes");
  let allReplicated = true;
  let duplicates = 0;
  let done = 0;
  let doneLines = 0;
  let lastSeq = 0n;
  try {
    for await (const { changes, lastLine } of changeBatches(file)) {
      const reply = await datasets.append({ ...appendOf(options), dataset, changes: [...changes] });
      if (options.json) printLines([messageLine(AppendResponseSchema, reply)]);
      allReplicated = tellOutcome(reply) && allReplicated;
      done += changes.length;
      duplicates += reply.changes.filter(({ duplicate }) => duplicate).length;
      doneLines = lastLine;
      ({ lastSeq } = reply);
      report({ done, total: undefined });
    }
  } catch (error) {
    printProblems([`${counted(done, "change")} appended, up to line ${doneLines}; then:`]);
    throw error;
  }
  const before = duplicates > 0 ? `, of them ${duplicates} before` : "";
  const line = `${counted(done, "change")} appended to ${dataset}${before}; the last one is ${lastSeq}`;
  if (!options.json) printLines([printable(line)]);
  return allReplicated;
}

function tellOutcome({ outcome, lastSeq, appliedBy }: AppendResponse): boolean {
  if (outcome !== AppendOutcome.APPENDED_NOT_REPLICATED) return true;
  const who = appliedBy.length === 0 ? "no replica" : `only ${appliedBy.join(", ")}`;
  printProblems([
    printable(
      `change ${lastSeq} is durable at the server, but in this time ${who} had applied it. It stays in the log; see how far replicas are: lockstep lag`,
    ),
  ]);
  return false;
}

function replicasText({ appliedBy }: AppendResponse): string {
  return appliedBy.length === 0 ? "" : `, applied by ${appliedBy.join(", ")}`;
}
