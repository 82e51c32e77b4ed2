import { backupData } from "@lockstep/server";
import { Command } from "commander";
import { DATA_EXIT_CODES } from "../exit-codes.ts";
import { type DataOption, dataOf, withDataOption } from "../options/data-option.ts";
import { copiedJson, copiedLines } from "../output/copied-lines.ts";
import { copyReporter } from "../output/copy-progress.ts";
import { jsonLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";
import { printable } from "../output/printable.ts";

interface BackupOptions extends DataOption {
  readonly to: string;
  readonly json?: boolean;
}

const HELP = `
A server may use the folder meanwhile. The backup holds what was durable when its copy began, in as little
room as it takes, and not the marks: see \`lockstep restore\`. How far it has come goes to standard error.
${DATA_EXIT_CODES}`;

/** `lockstep backup`: copies a data folder. */
export function backupCommand(): Command {
  return withDataOption(new Command("backup"))
    .summary("copy a data folder, also while a server uses it")
    .description(
      "Makes a backup of a data folder: every byte is compared with hash chain and checksums on its way, and the copy is read back and synced.",
    )
    .requiredOption("--to <FOLDER>", "the folder of the backup, missing or empty")
    .option("--json", "print one line of JSON")
    .addHelpText("after", HELP)
    .action(async (options: BackupOptions) => {
      const { folder, clusterId, namespaces } = await backupData(
        dataOf(options),
        options.to,
        copyReporter(),
      );
      printLines(
        options.json
          ? [jsonLine({ folder, clusterId, namespaces: copiedJson(namespaces) })]
          : [...copiedLines(namespaces), "", `The backup is in ${printable(folder)}.`],
      );
    });
}
