import { DeleteDatasetResponseSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { withClient } from "../../connection/server-options.ts";
import { type ActOptions, actOf, withActOptions } from "../../options/act.ts";
import { parseNumber } from "../../options/parse.ts";
import { messageLine } from "../../output/json.ts";
import { printLines } from "../../output/print.ts";
import { printable } from "../../output/printable.ts";

interface DeleteOptions extends ActOptions {
  readonly id: bigint;
}

const HELP = `
The id is what \`lockstep dataset describe\` tells: a dataset that was made anew under the same name has another, and is
left alone. There is no way back but a backup.`;

/** `lockstep dataset delete`: ends a dataset. */
export function deleteCommand(): Command {
  const command = new Command("delete")
    .summary("delete a dataset, with its rows, its log and its replicas")
    .description("Deletes DATASET, with its rows, its log and its replicas.")
    .argument("<DATASET>", "its name")
    .requiredOption("--id <ID>", "its id, as describe tells it; required", parseNumber)
    .addHelpText("after", HELP);
  return withActOptions(command, "DeleteDatasetResponse").action(
    (dataset: string, options: DeleteOptions) =>
      withClient(options, async ({ datasets }) => {
        // The protocol takes one that is not there for done; here it is a mistyped name.
        await datasets.describe(dataset);
        const act = { ...actOf(options), dataset, datasetId: options.id };
        const reply = await datasets.delete(act);
        printLines([
          options.json
            ? messageLine(DeleteDatasetResponseSchema, reply)
            : printable(`the dataset ${dataset} with the id ${options.id} is gone`),
        ]);
      }),
  );
}
