import { type Client, type EventSelection, systemClock } from "@lockstep/client";
import { type Event, EventSchema } from "@lockstep/protocol";
import { Command, Option } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CommandError } from "../errors.ts";
import { CALL_EXIT_CODES, EXIT } from "../exit-codes.ts";
import { parseCount, parseMoment, parseRevision } from "../options/parse.ts";
import { type SelectionOptions, selectionOf, withSelection } from "../options/selection.ts";
import { eventLine } from "../output/event-line.ts";
import { messageLine } from "../output/json.ts";
import { printLines, printProblems } from "../output/print.ts";

interface EventsOptions extends ServerOptions, SelectionOptions {
  readonly from?: number;
  readonly until?: number;
  readonly after: bigint;
  readonly limit: number;
  readonly json?: boolean;
}

const LIMIT_DEFAULT = 100;
const PAGE_SIZE_MAX = 1_000;

/** `lockstep events`: the history. */
export function eventsCommand(): Command {
  const moment = (text: string) => parseMoment(text, systemClock.unixMs());
  return withServerOptions(withSelection(new Command("events")))
    .summary("show the history of events")
    .description(
      "Shows the history of a namespace, oldest first: its revision, time, what happened, to what, by whom and why. All conditions must hold.",
    )
    .option("--from <TIME>", "only from then on: 2026-01-31T12:00:00Z, or 15m, so long ago", moment)
    .option("--until <TIME>", "only before then", moment)
    .addOption(
      new Option("--after <REVISION>", "start after this revision")
        .argParser(parseRevision)
        .default(0n, "0, the oldest kept"),
    )
    .option("--limit <COUNT>", "show at most this many", parseCount, LIMIT_DEFAULT)
    .option("--json", "print one line of JSON per event, the protocol's Event")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((key: string | undefined, options: EventsOptions) => {
      const selection = selected(key, options);
      return withClient(options, async (client) => {
        for await (const events of pages(client, selection, options)) {
          printLines(
            events.map((event) =>
              options.json ? messageLine(EventSchema, event) : eventLine(event),
            ),
          );
        }
      });
    });
}

function selected(key: string | undefined, options: EventsOptions): EventSelection {
  const { from, until } = options;
  if (until !== undefined && until <= (from ?? 0)) {
    throw new CommandError(EXIT.usage, "--until must be later than --from");
  }
  return {
    ...selectionOf(key, options),
    ...(from !== undefined && { fromAtMs: from }),
    ...(until !== undefined && { untilAtMs: until }),
  };
}

async function* pages(
  client: Client,
  selection: EventSelection,
  { after, limit }: EventsOptions,
): AsyncGenerator<Event[]> {
  let afterRevision = after;
  for (let left = limit; ; ) {
    const pageSize = Math.min(left, PAGE_SIZE_MAX);
    const page = await client.listEvents({ ...selection, afterRevision, pageSize });
    yield page.events;
    if (!page.more) return;
    afterRevision = page.nextAfterRevision;
    left -= page.events.length;
    if (left > 0) continue;
    printProblems([`there is more: go on with --after ${afterRevision}`]);
    return;
  }
}
