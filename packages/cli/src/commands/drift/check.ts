import { Command } from "commander";
import {
  type ServerOptions,
  withClient,
  withServerOptions,
} from "../../connection/server-options.ts";
import { COMPARE_EXIT_CODES, EXIT } from "../../exit-codes.ts";
import { counted } from "../../output/counted.ts";
import { foundJson, foundLines } from "../../output/found-lines.ts";
import { jsonLine } from "../../output/json.ts";
import { printLines } from "../../output/print.ts";
import { printable } from "../../output/printable.ts";
import { type Compared, compareFile } from "../../replication/compare-file.ts";

interface CheckOptions extends ServerOptions {
  readonly file: string;
  readonly json?: boolean;
}

const HELP = `
The replica may run meanwhile: a copy of the file, in the folder for temporary files, is brought to where the server is and
compared there. Nothing that is still under way is taken for drift, and nothing is written.
${COMPARE_EXIT_CODES}`;

/** `lockstep drift check`: whether a replica's rows are the server's. */
export function checkCommand(end: (exitCode: number) => void): Command {
  return withServerOptions(new Command("check"))
    .summary("name every row of a replica's file that is not the server's")
    .description("Compares every row of a replica's SQLite file with those of DATASET.")
    .argument("<DATASET>", "the dataset")
    .requiredOption("--file <FILE>", "the SQLite file of the replica; required")
    .option("--json", "print one line of JSON")
    .addHelpText("after", HELP)
    .action((dataset: string, options: CheckOptions) =>
      withClient(options, async (client) => {
        const compared = await compareFile(client, dataset, options.file);
        printLines(
          options.json ? [comparedJson(dataset, compared)] : comparedLines(dataset, compared),
        );
        if (compared.result.drift) end(EXIT.differs);
      }),
    );
}

/** What a comparison has found, as lines for people. */
export function comparedLines(dataset: string, { result }: Compared): string[] {
  const { drift, asOf, rows } = result;
  if (!drift)
    return [printable(`${counted(rows, "row")} looked at, all as in ${dataset} at ${asOf.seq}.`)];
  const { findings } = drift;
  const differ = `${counted(findings.length, "key")} not as in ${dataset} at ${asOf.seq}.`;
  return [...foundLines(findings), "", printable(differ)];
}

/** The same as one line of JSON. */
export function comparedJson(dataset: string, { file, result }: Compared): string {
  const { drift, asOf, rows, damaged } = result;
  return jsonLine({
    dataset,
    file: file.path,
    fileSeq: String(file.seq),
    comparedAtSeq: String(asOf.seq),
    rows,
    damagedBuckets: damaged,
    badBuckets: drift?.badBuckets ?? 0,
    findings: foundJson(drift?.findings ?? []),
  });
}
