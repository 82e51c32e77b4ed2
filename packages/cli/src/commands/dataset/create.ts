import { CreateDatasetResponseSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { withClient } from "../../connection/server-options.ts";
import { type ActOptions, actOf, withActOptions } from "../../options/act.ts";
import {
  type DatasetPolicyOptions,
  policyOf,
  withDatasetPolicyOptions,
} from "../../options/dataset-policy.ts";
import { datasetLine } from "../../output/dataset-lines.ts";
import { messageLine } from "../../output/json.ts";
import { printLines } from "../../output/print.ts";

/** `lockstep dataset create`: makes a dataset. */
export function createCommand(): Command {
  const command = new Command("create")
    .summary("make a dataset")
    .description(
      "Makes the dataset DATASET. One that exists with the same policy is left as it is. Durations: 500ms, 15s, 2m, 1h, 7d.",
    )
    .argument("<DATASET>", "its name");
  return withActOptions(withDatasetPolicyOptions(command), "CreateDatasetResponse").action(
    (dataset: string, options: ActOptions & DatasetPolicyOptions) =>
      withClient(options, async ({ datasets }) => {
        const reply = await datasets.create({
          ...actOf(options),
          dataset,
          policy: policyOf(options),
        });
        printLines([
          options.json
            ? messageLine(CreateDatasetResponseSchema, reply)
            : datasetLine(reply.dataset),
        ]);
      }),
  );
}
