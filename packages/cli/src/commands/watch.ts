import { EventSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { parseRevision } from "../options/parse.ts";
import { type SelectionOptions, selectionOf, withSelection } from "../options/selection.ts";
import { eventLine } from "../output/event-line.ts";
import { messageLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";

interface WatchCommandOptions extends ServerOptions, SelectionOptions {
  readonly after?: bigint;
  readonly json?: boolean;
}

/** `lockstep watch`: events as they happen. */
export function watchCommand(): Command {
  return withServerOptions(withSelection(new Command("watch")))
    .summary("follow events as they happen")
    .description(
      "Follows events as they happen, without gap or repetition, over lost connections and restarts of the server, until it is interrupted.",
    )
    .option("--after <REVISION>", "start after this revision (default: from now)", parseRevision)
    .option("--json", "print one line of JSON per event, the protocol's Event")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((key: string | undefined, options: WatchCommandOptions) =>
      withClient(options, async (client) => {
        const selection = selectionOf(key, options);
        // A watch looks for its server patiently; a person who mistyped an address wants to know now.
        const { namespace } = await client.serverInfo();
        const afterRevision = options.after ?? namespace?.revision ?? 0n;
        for await (const event of client.watch({ ...selection, afterRevision })) {
          printLines([options.json ? messageLine(EventSchema, event) : eventLine(event)]);
        }
      }),
    );
}
