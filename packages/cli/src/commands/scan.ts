import { type Client, type Clock, systemClock } from "@lockstep/client";
import { type Row, RowSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { bytesOf } from "../options/bytes.ts";
import { parseCount } from "../options/parse.ts";
import { hexText } from "../output/hex.ts";
import { messageLine } from "../output/json.ts";
import { printLines, printProblems } from "../output/print.ts";
import { progressReporter } from "../output/progress.ts";
import { ROW_HEADING, rowCells } from "../output/row-cells.ts";
import { tableLines } from "../output/table.ts";

interface ScanOptions extends ServerOptions {
  readonly hex?: boolean;
  readonly after?: string;
  readonly limit: number;
  readonly all?: boolean;
  readonly json?: boolean;
}

const LIMIT_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;

const HELP = `
Each page of 1,000 rows is as of its own moment. \`lockstep snapshot\` makes a copy that is as of one.`;

/** `lockstep scan`: rows by key. */
export function scanCommand(): Command {
  return withServerOptions(new Command("scan"))
    .summary("read rows of a dataset, by key")
    .description("Reads the rows of DATASET whose keys start with PREFIX, by key in byte order.")
    .argument("<DATASET>", "the dataset")
    .argument("[PREFIX]", "only keys that start with this", "")
    .option("--hex", "PREFIX and --after are given as hex digits")
    .option("--after <KEY>", "start after this key")
    .option("--limit <COUNT>", "show at most this many", parseCount, LIMIT_DEFAULT)
    .option("--all", "show all of them")
    .option("--json", "print one line of JSON per row, the protocol's Row")
    .addHelpText("after", HELP + CALL_EXIT_CODES)
    .action((dataset: string, prefix: string, options: ScanOptions) => {
      const keyPrefix = bytesOf(prefix, options.hex);
      const afterKey = bytesOf(options.after ?? "", options.hex);
      return withClient(options, (client) =>
        scan(client, { dataset, keyPrefix, afterKey }, options),
      );
    });
}

interface Wanted {
  readonly dataset: string;
  readonly keyPrefix: Uint8Array;
  readonly afterKey: Uint8Array;
}

/** The part of a client that rows are read through. */
interface Scanned {
  readonly datasets: Pick<Client["datasets"], "describe" | "scan">;
}

/** Prints the rows that are wanted, and tells on standard error how far it is. */
export async function scan(
  { datasets }: Scanned,
  wanted: Wanted,
  options: ScanOptions,
  clock: Clock = systemClock,
): Promise<void> {
  const report = progressReporter("scan", "rows", clock);
  const total = readsAll(wanted, options) ? await countOf(datasets, wanted.dataset) : undefined;
  let { afterKey } = wanted;
  let done = 0;
  let left = options.all ? Number.POSITIVE_INFINITY : options.limit;
  for (let isFirst = true; ; isFirst = false) {
    const pageSize = Math.min(left, PAGE_SIZE_MAX);
    const page = await datasets.scan({ ...wanted, afterKey, pageSize });
    show(page.rows, isFirst, options);
    if (!page.more) return;
    afterKey = page.nextAfterKey;
    left -= page.rows.length;
    done += page.rows.length;
    if (left > 0) {
      report({ done, total });
      continue;
    }
    printProblems([`there is more: go on with --all, or --after ${afterText(afterKey, options)}`]);
    return;
  }
}

function readsAll({ keyPrefix, afterKey }: Wanted, { all }: ScanOptions): boolean {
  return all === true && keyPrefix.length === 0 && afterKey.length === 0;
}

/** How many rows a dataset has now. */
async function countOf(datasets: Scanned["datasets"], name: string): Promise<number> {
  const { dataset } = await datasets.describe(name);
  return Number(dataset?.count ?? 0n);
}

/** A page at a time, so that a large dataset needs no memory; each page is a table of its own. */
function show(rows: readonly Row[], isFirst: boolean, { json }: ScanOptions): void {
  if (json) printLines(rows.map((row) => messageLine(RowSchema, row)));
  else if (rows.length > 0) printLines(tableLines(ROW_HEADING, rows.map(rowCells)));
  else if (isFirst) printLines(["There are no such rows."]);
}

/** A key as it has to be given back. */
function afterText(key: Uint8Array, { hex }: ScanOptions): string {
  if (hex) return hexText(key);
  const text = Buffer.from(key).toString("utf8");
  const isText = Buffer.from(text).equals(Buffer.from(key));
  return isText ? JSON.stringify(text) : `${hexText(key)} --hex`;
}
