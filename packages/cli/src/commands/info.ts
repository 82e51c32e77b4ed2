import { GetServerInfoResponseSchema } from "@lockstep/protocol";
import { Command } from "commander";
import {
  addressOf,
  type ServerOptions,
  withClient,
  withServerOptions,
} from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { infoLines } from "../output/info-lines.ts";
import { messageLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";

/** `lockstep info`: what a server tells of itself. */
export function infoCommand(): Command {
  return withServerOptions(new Command("info"))
    .summary("show a server's version, limits and counters")
    .description(
      "Shows a server's version, durability and limits, and the counters of a namespace.",
    )
    .option("--json", "print one line of JSON, the protocol's GetServerInfoResponse")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((options: ServerOptions & { json?: boolean }) =>
      withClient(options, async (client) => {
        const info = await client.serverInfo();
        printLines(
          options.json
            ? [messageLine(GetServerInfoResponseSchema, info)]
            : infoLines(addressOf(options), info),
        );
      }),
    );
}
