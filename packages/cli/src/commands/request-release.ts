import { RequestReleaseResponseSchema } from "@lockstep/protocol";
import { Command } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { parseNumber } from "../options/parse.ts";
import { messageLine } from "../output/json.ts";
import { printLines } from "../output/print.ts";
import { printable } from "../output/printable.ts";

interface RequestReleaseOptions extends ServerOptions {
  readonly token?: bigint;
  readonly reason?: string;
  readonly correlationId?: string;
  readonly json?: boolean;
}

/** `lockstep request-release`: asks the holders of a key. */
export function requestReleaseCommand(): Command {
  return withServerOptions(new Command("request-release"))
    .summary("ask the holders of a lock to release it")
    .description(
      "Tells the holders of KEY that somebody wants it. Nothing is taken from them; `lockstep locks` shows that they were asked.",
    )
    .argument("<KEY>", "the key")
    .option("--token <TOKEN>", "ask only the hold with this token", parseNumber)
    .option("--reason <WHY>", "why, told to the holder")
    .option("--correlation-id <ID>", "stored in the events this causes")
    .option("--json", "print one line of JSON, the protocol's RequestReleaseResponse")
    .addHelpText("after", CALL_EXIT_CODES)
    .action((key: string, options: RequestReleaseOptions) =>
      withClient(options, async (client) => {
        const { token, reason, correlationId } = options;
        const reply = await client.requestRelease({
          key,
          ...(token !== undefined && { token }),
          ...(reason !== undefined && { reason }),
          ...(correlationId !== undefined && { correlationId }),
        });
        const asked = `asked ${reply.holdIds.map((id) => `hold ${id}`).join(", ")}`;
        const like = token === undefined ? "" : ` with token ${token}`;
        const nobody = `nobody holds ${printable(JSON.stringify(key))}${like}`;
        const line = reply.holdIds.length > 0 ? asked : nobody;
        printLines([options.json ? messageLine(RequestReleaseResponseSchema, reply) : line]);
      }),
    );
}
