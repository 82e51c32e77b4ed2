import { parseArgs } from "node:util";
import { count, counts, finish, progress, usage } from "../command-line.ts";
import { measureGrowth } from "./growth.ts";
import { growthTable } from "./table.ts";

const USAGE = `usage: pnpm bench growth [--held 1000,100000,1000000] [--queues 10,1000,100000]
  [--chains 10,100,1000,10000] [--events 10000,100000,1000000] [--rounds 3] [--ms 2000]
  [--json FILE]`;

/** `pnpm bench growth`: how costs grow with what is held, waited for and remembered. */
export async function growthCommand(args: string[]): Promise<boolean> {
  const { json, ...options } = usage(USAGE, () => {
    const { values } = parseArgs({
      args,
      options: {
        held: { type: "string", default: "1000,100000,1000000" },
        queues: { type: "string", default: "10,1000,100000" },
        chains: { type: "string", default: "10,100,1000,10000" },
        events: { type: "string", default: "10000,100000,1000000" },
        rounds: { type: "string", default: "3" },
        ms: { type: "string", default: "2000" },
        json: { type: "string" },
      },
    });
    return {
      held: counts("held", values.held),
      queues: counts("queues", values.queues),
      chains: counts("chains", values.chains),
      events: counts("events", values.events),
      rounds: count("rounds", values.rounds),
      durationMs: count("ms", values.ms),
      json: values.json,
    };
  });
  const report = await measureGrowth({ ...options, progress });
  finish(growthTable(report), report, json);
  return true;
}
