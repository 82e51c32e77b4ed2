import { existsSync, renameSync } from "node:fs";
import type { Client } from "@lockstep/client";
import { type CheckResult, type ReplicaStatus, replicate } from "@lockstep/replica";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { CALL_EXIT_CODES, EXIT } from "../exit-codes.ts";
import { counted } from "../output/counted.ts";
import { jsonLine } from "../output/json.ts";
import { printLines, printProblems } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { withReplica } from "../replication/follow.ts";
import { observingLink } from "../replication/observing-link.ts";
import { ReplicaStore } from "../replication/replica-store.ts";

interface SnapshotOptions extends ServerOptions {
  readonly to: string;
  readonly json?: boolean;
}

const HELP = `
The rows are read back and compared with the server's before the file appears under its name. It is the file of a replica: a process that opens it with SqliteStore goes on from there, without a snapshot of its own. A copy that is broken
off stays as FILE.partial, and the same command goes on with it.
${CALL_EXIT_CODES}`;

/** `lockstep snapshot`: a copy of a dataset in a file. */
export function snapshotCommand(): Command {
  return withServerOptions(new Command("snapshot"))
    .summary("copy a dataset into a SQLite file")
    .description("Copies the rows of DATASET as of one moment into a SQLite file.")
    .argument("<DATASET>", "the dataset")
    .requiredOption("--to <FILE>", "the file, which must not exist; required")
    .option("--json", "print one line of JSON")
    .addHelpText("after", HELP)
    .action((dataset: string, options: SnapshotOptions) =>
      withClient(options, async (client) => {
        const { to } = options;
        if (existsSync(to)) throw new CommandError(EXIT.usage, `${to} exists: give another file`);
        const { rows, appliedSeq } = await copyTo(client, dataset, `${to}.partial`);
        renameSync(`${to}.partial`, to);
        printLines([
          options.json
            ? jsonLine({ dataset, file: to, seq: String(appliedSeq), rows })
            : printable(
                `${to} has ${counted(rows, "row")}, all those of ${dataset} at ${appliedSeq}.`,
              ),
        ]);
      }),
    );
}

async function copyTo(client: Client, dataset: string, path: string): Promise<ReplicaStatus> {
  // So that a dataset that is not there leaves no file behind.
  await client.datasets.describe(dataset);
  const replica = replicate({
    client: { replication: observingLink(client.replication) },
    dataset,
    replica: "lockstep snapshot",
    store: new ReplicaStore({ path }),
    schemaVersions: () => true,
  });
  let result: CheckResult;
  try {
    // A copy that was broken off for long begins anew.
    const passing = ["COMPACTED", "LOG_DIVERGED"];
    result = await withReplica(replica, { passing }, (signal) => replica.check({ signal }));
  } catch (error) {
    printProblems([printable(`what was copied is in ${path}; the same command goes on with it`)]);
    throw error;
  }
  // What came after the comparison is in the file, too.
  if (!result.drift) return replica.status();
  const problem = `${path} does not have the rows that were written to it: check its disk, remove it and copy again`;
  throw new CommandError(EXIT.failed, problem);
}
