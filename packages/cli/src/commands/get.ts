import { type GetResponse, GetResponseSchema, ReadLevel, type Row } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { EXIT, exitCodesHelp } from "../exit-codes.ts";
import { bytesOf } from "../options/bytes.ts";
import { parseNumber } from "../options/parse.ts";
import { messageLine } from "../output/json.ts";
import { printLines, writeBytes } from "../output/print.ts";
import { ROW_HEADING, rowCells } from "../output/row-cells.ts";
import { tableLines } from "../output/table.ts";

interface GetOptions extends ServerOptions {
  readonly hex?: boolean;
  readonly atLeast?: bigint;
  readonly raw?: boolean;
  readonly json?: boolean;
}

const EXIT_CODES = exitCodesHelp({
  [EXIT.ok]: "done",
  [EXIT.failed]: "there is no such row; the server does not answer, or refuses",
  [EXIT.usage]: "a flag, argument or variable that cannot be used",
});

/** `lockstep get`: one row. */
export function getCommand(): Command {
  return withServerOptions(new Command("get"))
    .summary("read a row of a dataset")
    .description("Reads the row of KEY in DATASET at the server: everything acknowledged is in it.")
    .argument("<DATASET>", "the dataset")
    .argument("<KEY>", "the key")
    .option("--hex", "KEY is given as hex digits")
    .option("--at-least <SEQ>", "fail unless every change up to this one is in it", parseNumber)
    .option("--raw", "print the value and nothing else, byte by byte")
    .option("--json", "print one line of JSON, the protocol's GetResponse")
    .addHelpText("after", EXIT_CODES)
    .action((dataset: string, key: string, options: GetOptions) => {
      const request = { dataset, key: bytesOf(key, options.hex), ...freshnessOf(options) };
      return withClient(options, async ({ datasets }) => {
        const reply = await datasets.get(request);
        show(reply, dataset, key, options);
      });
    });
}

function freshnessOf({ atLeast }: GetOptions) {
  if (atLeast === undefined) return {};
  return { freshness: { level: ReadLevel.AT_LEAST, seq: atLeast } };
}

function show(reply: GetResponse, dataset: string, key: string, options: GetOptions): void {
  const { row } = reply;
  if (options.json) printLines([messageLine(GetResponseSchema, reply)]);
  if (row === undefined) {
    throw new CommandError(EXIT.failed, `there is no row ${JSON.stringify(key)} in ${dataset}`);
  }
  if (options.json) return;
  if (options.raw) writeBytes(row.value);
  else printLines(tableLines(ROW_HEADING, [rowCells(row satisfies Row)]));
}
