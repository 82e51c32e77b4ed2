import { EventSchema } from "@lockstep/protocol";
import { Command, Option } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { READ_EXIT_CODES } from "../exit-codes.ts";
import { parseCount, parseRevision } from "../options/parse.ts";
import { selectionOf } from "../options/selection.ts";
import { eventLine } from "../output/event-line.ts";
import { messageLine } from "../output/json.ts";
import { printLines, printProblems } from "../output/print.ts";

interface EventsOptions extends ServerOptions {
  readonly prefix?: string;
  readonly after: bigint;
  readonly limit: number;
  readonly json?: boolean;
}

const LIMIT_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;

/** `lockstep events`: the history. */
export function eventsCommand(): Command {
  return withServerOptions(new Command("events"))
    .summary("show the history of events")
    .description(
      "Shows the history of a namespace, oldest first: its revision, time, what happened, to what, by whom and why.",
    )
    .argument("[KEY]", "only events that name this key")
    .option("--prefix <PREFIX>", "only events that name a key that starts with this")
    .addOption(
      new Option("--after <REVISION>", "start after this revision")
        .argParser(parseRevision)
        .default(0n, "0, the oldest kept"),
    )
    .option("--limit <COUNT>", "show at most this many", parseCount, LIMIT_DEFAULT)
    .option("--json", "print one line of JSON per event, the protocol's Event")
    .addHelpText("after", READ_EXIT_CODES)
    .action((key: string | undefined, options: EventsOptions) =>
      withClient(options, async (client) => {
        const selection = selectionOf(key, options.prefix);
        let { after, limit } = options;
        for (let more = true; more; ) {
          const pageSize = Math.min(limit, PAGE_SIZE_MAX);
          const page = await client.listEvents({ ...selection, afterRevision: after, pageSize });
          printLines(
            page.events.map((event) =>
              options.json ? messageLine(EventSchema, event) : eventLine(event),
            ),
          );
          after = page.nextAfterRevision;
          limit -= page.events.length;
          more = page.more && limit > 0;
          if (page.more && limit <= 0)
            printProblems([`there is more: go on with --after ${after}`]);
        }
      }),
    );
}
