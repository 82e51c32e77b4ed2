import { Command } from "commander";
import { createCommand } from "./create.ts";
import { deleteCommand } from "./delete.ts";
import { describeCommand } from "./describe.ts";
import { forgetReplicaCommand } from "./forget-replica.ts";
import { listCommand } from "./list.ts";
import { policyCommand } from "./policy.ts";

/** `lockstep dataset`: tables with a log, which replicas follow. */
export function datasetCommand(): Command {
  return new Command("dataset")
    .summary("list, make, change and delete datasets")
    .description("A dataset is a table by key, with the log of its changes, which replicas follow.")
    .addCommand(listCommand())
    .addCommand(describeCommand())
    .addCommand(createCommand())
    .addCommand(policyCommand())
    .addCommand(forgetReplicaCommand())
    .addCommand(deleteCommand());
}
