import { GetWaitGraphResponseSchema } from "@lockstep/protocol";
import { Command, Option } from "commander";
import { type ServerOptions, withClient, withServerOptions } from "../connection/server-options.ts";
import { CALL_EXIT_CODES } from "../exit-codes.ts";
import { parseCount } from "../options/parse.ts";
import { graphDot } from "../output/graph-dot.ts";
import { graphLines } from "../output/graph-lines.ts";
import { messageLine } from "../output/json.ts";
import { printLines, printProblems } from "../output/print.ts";

interface GraphOptions extends ServerOptions {
  readonly format: "text" | "dot";
  readonly max: number;
  readonly json?: boolean;
}

const WAITS_DEFAULT = 1_000;

/** `lockstep graph`: who waits for whom. */
export function graphCommand(): Command {
  return withServerOptions(new Command("graph"))
    .summary("show who waits for whom")
    .description(
      "Shows who waits for whom: each waiting request with the holders and earlier waiters in its way. As a picture: lockstep graph --format dot | dot -Tsvg",
    )
    .argument("[PREFIX]", "only waits for keys that start with this")
    .addOption(
      new Option("--format <FORMAT>", "text for people, dot for Graphviz")
        .choices(["text", "dot"])
        .default("text"),
    )
    .option("--max <COUNT>", "show at most so many waits, 10000 at most", parseCount, WAITS_DEFAULT)
    .addOption(
      new Option("--json", "print one line of JSON, the protocol's GetWaitGraphResponse").conflicts(
        "format",
      ),
    )
    .addHelpText("after", CALL_EXIT_CODES)
    .action((prefix: string | undefined, options: GraphOptions) =>
      withClient(options, async ({ admin }) => {
        const graph = await admin.waitGraph({ prefix: prefix ?? "", waitsMax: options.max });
        const lines = options.format === "dot" ? graphDot(graph.waits) : graphLines(graph.waits);
        printLines(options.json ? [messageLine(GetWaitGraphResponseSchema, graph)] : lines);
        if (graph.truncated) printProblems(["there are more waits than were asked for: --max"]);
      }),
    );
}
