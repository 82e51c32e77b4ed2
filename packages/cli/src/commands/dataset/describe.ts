import { DescribeDatasetResponseSchema } from "@lockstep/protocol";
import { Command } from "commander";
import {
  type ServerOptions,
  withClient,
  withServerOptions,
} from "../../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../../exit-codes.ts";
import { describedLines } from "../../output/dataset-lines.ts";
import { messageLine } from "../../output/json.ts";
import { printLines } from "../../output/print.ts";

/** `lockstep dataset describe`: all about one dataset. */
export function describeCommand(): Command {
  return withServerOptions(new Command("describe"))
    .summary("tell all about a dataset")
    .description(
      "Tells all about DATASET: identity, policy, how far the log is and how far back it goes, what a correct replica must have at the head, and how the server's look at its own rows goes on.",
    )
    .argument("<DATASET>", "its name")
    .option("--json", "print one line of JSON, the protocol's DescribeDatasetResponse")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((dataset: string, options: ServerOptions & { json?: boolean }) =>
      withClient(options, async ({ datasets }) => {
        const reply = await datasets.describe(dataset);
        printLines(
          options.json
            ? [messageLine(DescribeDatasetResponseSchema, reply)]
            : describedLines(reply),
        );
      }),
    );
}
