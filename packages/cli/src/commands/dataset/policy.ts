import { type Dataset, DatasetSchema, UpdateDatasetResponseSchema } from "@lockstep/protocol";
import { Command, Option } from "commander";
import {
  type ServerOptions,
  withClient,
  withServerOptions,
} from "../../connection/server-options.ts";
import { CommandError } from "../../errors.ts";
import { CALL_EXIT_CODES, EXIT } from "../../exit-codes.ts";
import { actOf } from "../../options/act.ts";
import {
  type DatasetPolicyOptions,
  isPolicyGiven,
  POLICY_FLAGS,
  policyOf,
  withDatasetPolicyOptions,
} from "../../options/dataset-policy.ts";
import { parseNumber } from "../../options/parse.ts";
import { datasetLine } from "../../output/dataset-lines.ts";
import { messageLine } from "../../output/json.ts";
import { printLines } from "../../output/print.ts";

interface PolicyOptions extends ServerOptions, DatasetPolicyOptions {
  readonly expectedVersion?: bigint;
  readonly reason?: string;
  readonly correlationId?: string;
  readonly json?: boolean;
}

/** `lockstep dataset policy`: shows or changes what bounds a dataset. */
export function policyCommand(): Command {
  const command = new Command("policy")
    .summary("show or change the policy of a dataset")
    .description(
      "Shows the policy of DATASET, or changes what is given of it; the rest stays. A change is an entry of the log, which every replica sees. Durations: 500ms, 15s, 2m, 1h, 7d.",
    )
    .argument("<DATASET>", "its name");
  return withServerOptions(withDatasetPolicyOptions(command))
    .addOption(
      new Option("--unset <FLAGS...>", "take these back to their defaults").choices(POLICY_FLAGS),
    )
    .option(
      "--expected-version <VERSION>",
      "the version of the policy it was decided on (default: the present one)",
      parseNumber,
    )
    .option("--reason <WHY>", "why, for the history; required for a change")
    .option("--correlation-id <ID>", "stored in the events this causes")
    .option("--json", "print one line of JSON, the protocol's Dataset or UpdateDatasetResponse")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((dataset: string, options: PolicyOptions) =>
      isPolicyGiven(options) ? change(dataset, options) : show(dataset, options),
    );
}

function show(name: string, options: PolicyOptions): Promise<void> {
  if (options.reason !== undefined) {
    throw new CommandError(EXIT.usage, "give what to change: a flag of the policy, or --unset");
  }
  return withClient(options, async ({ datasets }) => {
    const { dataset } = await datasets.describe(name);
    printLines([
      options.json ? messageLine(DatasetSchema, dataset as Dataset) : datasetLine(dataset),
    ]);
  });
}

function change(name: string, options: PolicyOptions): Promise<void> {
  const { reason } = options;
  if (reason === undefined) {
    throw new CommandError(EXIT.usage, "a change of the policy needs --reason WHY");
  }
  return withClient(options, async ({ datasets }) => {
    const { dataset } = await datasets.describe(name);
    const reply = await datasets.update({
      ...actOf({ ...options, reason }),
      dataset: name,
      policy: policyOf(options, dataset?.policy),
      expectedVersion: options.expectedVersion ?? dataset?.policyVersion ?? 0n,
    });
    printLines([
      options.json ? messageLine(UpdateDatasetResponseSchema, reply) : datasetLine(reply.dataset),
    ]);
  });
}
