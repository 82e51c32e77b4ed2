import { restoreData } from "@lockstep/server";
import { Command } from "commander";
import { DATA_EXIT_CODES } from "../exit-codes.ts";
import { type DataOption, dataOf, withDataOption } from "../options/data-option.ts";
import { copiedJson, copiedLines } from "../output/copied-lines.ts";
import { copyReporter } from "../output/copy-progress.ts";
import { jsonLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { invocation } from "../serve/invocation.ts";

interface RestoreOptions extends DataOption {
  readonly from: string;
  readonly json?: boolean;
}

const HELP = `
The data folder must be missing or empty. Nothing shows that a backup holds everything that was acknowledged,
so a server starts on it only when it is told to begin a new lineage: the last line says how.
${DATA_EXIT_CODES}`;

/** `lockstep restore`: makes a data folder from a backup. */
export function restoreCommand(): Command {
  return withDataOption(new Command("restore"))
    .summary("make a data folder from a backup")
    .description(
      "Proves a backup as `lockstep verify` does, and makes a data folder from it, read back and synced.",
    )
    .requiredOption("--from <FOLDER>", "the folder of the backup")
    .option("--json", "print one line of JSON")
    .addHelpText("after", HELP)
    .action(async (options: RestoreOptions) => {
      const { folder, clusterId, namespaces } = await restoreData(
        options.from,
        dataOf(options),
        copyReporter(),
      );
      const lockstep = invocation(process.argv[1] ?? "lockstep", process.cwd());
      const next = `${lockstep} serve --data ${quoted(folder)} --new-lineage`;
      printLines(
        options.json
          ? [jsonLine({ folder, clusterId, namespaces: copiedJson(namespaces), next })]
          : [
              ...copiedLines(namespaces),
              "",
              `The data is in ${printable(folder)}.`,
              `start it    ${printable(next)}`,
            ],
      );
    });
}

/** A path as a shell takes it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
