import type { Client } from "@lockstep/client";
import type { DriftAction, DriftFinding } from "@lockstep/replica";
import { Command } from "commander";
import {
  type ServerOptions,
  withClient,
  withServerOptions,
} from "../../connection/server-options.ts";
import { CommandError } from "../../errors.ts";
import { COMPARE_EXIT_CODES, EXIT } from "../../exit-codes.ts";
import { counted } from "../../output/counted.ts";
import { foundJson, foundLines } from "../../output/found-lines.ts";
import { jsonLine } from "../../output/json.ts";
import { printLines, printProblems } from "../../output/print.ts";
import { printable } from "../../output/printable.ts";
import { compareFile } from "../../replication/compare-file.ts";
import { type Repaired, refuseRunning, repairFile } from "../../replication/repair-file.ts";
import { readReplicaFile } from "../../replication/replica-file.ts";
import { comparedJson, comparedLines } from "./check.ts";

interface RepairOptions extends ServerOptions {
  readonly file: string;
  readonly replica?: string;
  readonly write?: boolean;
  /** False: `--no-park`. Undefined: as the file looks. */
  readonly park?: boolean;
  readonly json?: boolean;
}

const HELP = `
Without --write it is a dry run: what \`lockstep drift check\` does. With --write the command becomes the replica whose file
it is, so that process must be stopped: it brings the file to where the server is, writes the server's rows over those that
differ, each with the server's seq, compares again and reports to the server. With too much wrong the rows are replaced by
a snapshot.

The code that projects changes into tables of its own (\`apply\`) is not here. In a file that has such tables, or with --park,
every change that is applied and every row that is repaired is set aside for it: the replica is DEGRADED until its process
has called replay().
${COMPARE_EXIT_CODES}`;

/** `lockstep drift repair`: writes the server's rows over those that differ. */
export function repairCommand(end: (exitCode: number) => void): Command {
  return withServerOptions(new Command("repair"))
    .summary("write the server's rows over those that differ; a dry run without --write")
    .description("Repairs the rows of a replica's SQLite file that are not those of DATASET.")
    .argument("<DATASET>", "the dataset")
    .requiredOption("--file <FILE>", "the SQLite file of the replica; required")
    .option("--replica <NAME>", "the name its process registers; required with --write")
    .option("--write", "write")
    .option("--park", "set every change aside for the apply of the process")
    .option("--no-park", "do not, although the file has tables of its own")
    .option("--json", "print one line of JSON")
    .addHelpText("after", HELP)
    .action((dataset: string, options: RepairOptions) =>
      withClient(options, async (client) => {
        const differs = options.write
          ? await repair(client, dataset, options)
          : await dryRun(client, dataset, options);
        if (differs) end(EXIT.differs);
      }),
    );
}

/** Whether anything differs. */
async function dryRun(client: Client, dataset: string, options: RepairOptions): Promise<boolean> {
  const compared = await compareFile(client, dataset, options.file);
  const { drift } = compared.result;
  printLines(options.json ? [comparedJson(dataset, compared)] : comparedLines(dataset, compared));
  if (drift) printProblems(["nothing was written: give --write and --replica NAME to repair them"]);
  return drift !== undefined;
}

/** Whether anything differs still. */
async function repair(client: Client, dataset: string, options: RepairOptions): Promise<boolean> {
  const { replica } = options;
  if (replica === undefined) {
    throw new CommandError(EXIT.usage, "--write needs --replica NAME: whose file it is");
  }
  const described = await client.datasets.describe(dataset);
  const file = readReplicaFile(options.file, described.dataset);
  await refuseRunning(client, dataset, replica);
  const parks = options.park ?? file.hasUserTables;
  const repaired = await repairFile(client, { dataset, replica, file, parks });
  printLines(
    options.json
      ? [repairedJson(dataset, options.file, repaired)]
      : repairedLines(dataset, repaired),
  );
  return repaired.result.drift !== undefined;
}

function repairedLines(dataset: string, repaired: Repaired): string[] {
  const { found, result, parked } = repaired;
  const findings = findingsOf(repaired);
  const where = `${dataset} at ${result.asOf.seq}`;
  const end = result.drift
    ? `${counted(result.drift.findings.length, "key")} still not as in ${where}: see lockstep scrub ${dataset}, then try again.`
    : `${counted(result.rows, "row")} looked at, all as in ${where}.`;
  return [
    ...(findings.length > 0 ? [...foundLines(findings), ""] : []),
    ...found.flatMap(({ action }) => (WHOLE.has(action) ? [REPLACED] : [])),
    printable(`${counted(findings.length, "key")} repaired; ${end}`),
    ...(parked > 0 ? [`${counted(parked, "change")} set aside for apply: ${REPLAY}`] : []),
  ];
}

/** What is done about all rows at once. */
const WHOLE: ReadonlySet<DriftAction> = new Set(["QUARANTINED", "RESYNCED"]);
const REPLACED = "Too much was wrong: a snapshot took the place of all rows.";
const REPLAY = "call replay() in the replica's process.";

function repairedJson(dataset: string, path: string, repaired: Repaired): string {
  const { found, result, parked } = repaired;
  return jsonLine({
    dataset,
    file: path,
    comparedAtSeq: String(result.asOf.seq),
    rows: result.rows,
    actions: found.map(({ action }) => action),
    findings: foundJson(findingsOf(repaired)),
    differing: foundJson(result.drift?.findings ?? []),
    parked,
  });
}

/** What was repaired. */
function findingsOf({ found }: Repaired): DriftFinding[] {
  return found.flatMap(({ action, findings }) => (action === "REPAIRED" ? findings : []));
}
