import type { Client } from "@lockstep/client";
import { UnregisterReplicaResponseSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { withClient } from "../../connection/server-options.ts";
import { CommandError } from "../../errors.ts";
import { EXIT } from "../../exit-codes.ts";
import { type ActOptions, actOf, withActOptions } from "../../options/act.ts";
import { messageLine } from "../../output/json.ts";
import { printLines } from "../../output/print.ts";
import { printable } from "../../output/printable.ts";
import { findReplica } from "../../replication/pages.ts";

/** `lockstep dataset forget-replica`: takes a replica that will not come back off the list. */
export function forgetReplicaCommand(): Command {
  const command = new Command("forget-replica")
    .summary("forget a replica that will not come back")
    .description(
      "Forgets REPLICA of DATASET. A process that still runs under this name registers again.",
    )
    .argument("<DATASET>", "the dataset")
    .argument("<REPLICA>", "the replica, as `lockstep lag` lists it");
  return withActOptions(command, "UnregisterReplicaResponse").action(
    (dataset: string, replica: string, options: ActOptions) =>
      withClient(options, (client) => forget(client, dataset, replica, options)),
  );
}

async function forget(
  client: Client,
  dataset: string,
  replica: string,
  options: ActOptions,
): Promise<void> {
  const known = await findReplica(client, dataset, replica);
  if (known === undefined) {
    const message = `${dataset} has no replica ${replica}: see lockstep lag ${dataset}`;
    throw new CommandError(EXIT.failed, message);
  }
  const { generation } = known;
  const act = { ...actOf(options), dataset, replica, generation };
  const reply = await client.replication.unregister(act);
  printLines([
    options.json
      ? messageLine(UnregisterReplicaResponseSchema, reply)
      : printable(`the replica ${replica} of ${dataset} is forgotten`),
  ]);
}
