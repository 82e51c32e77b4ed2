import { parseArgs } from "node:util";
import { count, counts, finish, progress, usage } from "../command-line.ts";
import { compareLocks } from "./compare.ts";
import { GROUP_NAMES, groupsNamed } from "./groups.ts";
import { table } from "./table.ts";

const USAGE = `usage: pnpm bench locks [--rounds 5] [--ms 2000] [--callers 1,64,1024] [--contending 100]
  [--only ${GROUP_NAMES.join(",")}] [--json FILE]`;

/** `pnpm bench locks`: cycles of acquire and release beside what lies under them and beside others, in one run. */
export async function locksCommand(args: string[]): Promise<boolean> {
  const options = usage(USAGE, () => {
    const { values } = parseArgs({
      args,
      options: {
        rounds: { type: "string", default: "5" },
        ms: { type: "string", default: "2000" },
        callers: { type: "string", default: "1,64,1024" },
        contending: { type: "string", default: "100" },
        only: { type: "string", default: GROUP_NAMES.join(",") },
        json: { type: "string" },
      },
    });
    return {
      groups: groupsNamed(values.only.split(",")),
      callers: counts("callers", values.callers),
      contending: count("contending", values.contending),
      rounds: count("rounds", values.rounds),
      durationMs: count("ms", values.ms),
      json: values.json,
    };
  });
  const report = await compareLocks({ ...options, progress });
  finish(table(report), report, options.json);
  return report.failures.length === 0;
}
