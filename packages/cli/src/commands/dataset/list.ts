import { type Dataset, DatasetSchema } from "@lockstep/protocol";
import { Command } from "commander";
import {
  type ServerOptions,
  withClient,
  withServerOptions,
} from "../../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../../exit-codes.ts";
import { datasetsLines } from "../../output/dataset-lines.ts";
import { messageLine } from "../../output/json.ts";
import { printLines } from "../../output/print.ts";
import { datasetPages } from "../../replication/pages.ts";

interface ListOptions extends ServerOptions {
  readonly json?: boolean;
}

/** `lockstep dataset list`: which datasets there are. */
export function listCommand(): Command {
  return withServerOptions(new Command("list"))
    .summary("list the datasets")
    .description(
      "Lists the datasets by name: how far their logs are, how many rows and bytes they have, how many replicas follow them, their policies.",
    )
    .argument("[PREFIX]", "only those whose names start with this")
    .option("--json", "print one line of JSON per dataset, the protocol's Dataset")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((prefix: string | undefined, options: ListOptions) =>
      withClient(options, async (client) => {
        const all: Dataset[] = [];
        for await (const page of datasetPages(client, prefix)) all.push(...page);
        printLines(
          options.json ? all.map((each) => messageLine(DatasetSchema, each)) : datasetsLines(all),
        );
      }),
    );
}
