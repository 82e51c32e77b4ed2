import { parseArgs } from "node:util";
import { count, finish, progress, usage } from "../command-line.ts";
import { measureMemory } from "./memory.ts";
import { memoryTable } from "./table.ts";

const USAGE = `usage: pnpm bench memory [--sessions 10000] [--holds 1000000] [--keep-alive-ms 5000] [--ms 15000]
  [--json FILE]`;

/** `pnpm bench memory`: what held locks, idle sessions and keep-alives cost a server. */
export async function memoryCommand(args: string[]): Promise<boolean> {
  const { json, ...options } = usage(USAGE, () => {
    const { values } = parseArgs({
      args,
      options: {
        sessions: { type: "string", default: "10000" },
        holds: { type: "string", default: "1000000" },
        "keep-alive-ms": { type: "string", default: "5000" },
        ms: { type: "string", default: "15000" },
        json: { type: "string" },
      },
    });
    return {
      sessions: count("sessions", values.sessions),
      holds: count("holds", values.holds),
      keepAliveMs: count("keep-alive-ms", values["keep-alive-ms"]),
      keepAlivesForMs: count("ms", values.ms),
      json: values.json,
    };
  });
  const report = await measureMemory({ ...options, progress });
  finish(memoryTable(report), report, json);
  return true;
}
