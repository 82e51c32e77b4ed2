import { toJson } from "@bufbuild/protobuf";
import type { Client } from "@lockstep/client";
import { BUCKETS, type DamagedRow, DamagedRowSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { COMPARE_EXIT_CODES, EXIT } from "../exit-codes.ts";
import { counted } from "../output/counted.ts";
import { damagedLines } from "../output/dataset-lines.ts";
import { jsonLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";
import { printable } from "../output/printable.ts";
import { progressReporter } from "../output/progress.ts";

interface ScrubOptions extends ServerOptions {
  readonly json?: boolean;
}

interface Scrubbed {
  readonly rows: bigint;
  readonly damagedCount: bigint;
  readonly damaged: readonly DamagedRow[];
}

/** Few, so that progress is told even where buckets are full. */
const BUCKETS_AT_ONCE = 256;
/** A slow disk is no failure. */
const PATIENT = { timeoutMs: 60_000 };
/** So many damaged rows are named. */
const MAX_NAMED = 1_000;

const HELP = `
The server looks at all rows by itself, too, on a small budget: \`lockstep dataset describe\` tells how far it is. A row
that is damaged cannot be read any more; write its key anew, or restore a backup. \`lockstep drift check\` looks at the rows
of a replica.`;

/** `lockstep scrub`: the server's own rows, compared with what was written. */
export function scrubCommand(end: (exitCode: number) => void): Command {
  return withServerOptions(new Command("scrub"))
    .summary("have the server look at its own rows")
    .description("Compares every stored row of DATASET with what was written, now.")
    .argument("<DATASET>", "the dataset")
    .option("--json", "print one line of JSON: rows, damagedCount, the protocol's DamagedRow")
    .addHelpText("after", HELP + COMPARE_EXIT_CODES)
    .action((dataset: string, options: ScrubOptions) =>
      withClient(options, async (client) => {
        const found = await scrubAll(client, dataset);
        printLines(options.json ? [jsonOf(dataset, found)] : linesOf(dataset, found));
        if (found.damagedCount > 0n) end(EXIT.differs);
      }),
    );
}

async function scrubAll({ datasets }: Client, dataset: string): Promise<Scrubbed> {
  const report = progressReporter("scrub", "buckets");
  const damaged: DamagedRow[] = [];
  let rows = 0n;
  let damagedCount = 0n;
  for (let firstBucket = 0; firstBucket < BUCKETS; ) {
    const part = await datasets.scrub({ dataset, firstBucket, buckets: BUCKETS_AT_ONCE }, PATIENT);
    rows += part.rows;
    damagedCount += part.damagedCount;
    damaged.push(...part.damaged.slice(0, MAX_NAMED - damaged.length));
    firstBucket = part.nextBucket;
    report({ done: firstBucket, total: BUCKETS });
  }
  return { rows, damagedCount, damaged };
}

function jsonOf(dataset: string, { rows, damagedCount, damaged }: Scrubbed): string {
  return jsonLine({
    dataset,
    rows: String(rows),
    damagedCount: String(damagedCount),
    damaged: damaged.map((each) => toJson(DamagedRowSchema, each, { alwaysEmitImplicit: true })),
  });
}

function linesOf(dataset: string, { rows, damagedCount, damaged }: Scrubbed): string[] {
  const looked = printable(`${dataset}: ${counted(rows, "row")} looked at`);
  if (damagedCount === 0n) return [`${looked}, nothing is damaged.`];
  return [`${looked}, ${damagedCount} not as written:`, ...damagedLines(damaged)];
}
