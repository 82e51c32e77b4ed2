import { parseArgs } from "node:util";
import { count, counts, finish, progress, usage } from "../command-line.ts";
import { compareReplication } from "./replication.ts";
import { SYSTEM_NAMES, systemsNamed } from "./systems.ts";
import { replicationTable } from "./table.ts";
import { PARTS, type Part } from "./trial.ts";

const PART_NAMES: readonly string[] = [...Object.keys(PARTS), "growth"];

const USAGE = `usage: pnpm bench replication [--rounds 5] [--large-rounds 3] [--ms 2000] [--callers 1,64,1024]
  [--batch-callers 1,32] [--followers 1,8,64] [--changes 1000000] [--stalled 16]
  [--growing 1000,100000,1000000] [--json FILE]
  [--only ${SYSTEM_NAMES.join(",")}]
  [--parts ${PART_NAMES.join(",")}]`;

/** `pnpm bench replication`: datasets and replicas beside other logs of changes, in one run. */
export async function replicationCommand(args: string[]): Promise<boolean> {
  const { json, ...options } = usage(USAGE, () => {
    const { values } = parseArgs({
      args,
      options: {
        rounds: { type: "string", default: "5" },
        "large-rounds": { type: "string", default: "3" },
        ms: { type: "string", default: "2000" },
        callers: { type: "string", default: "1,64,1024" },
        "batch-callers": { type: "string", default: "1,32" },
        followers: { type: "string", default: "1,8,64" },
        changes: { type: "string", default: "1000000" },
        stalled: { type: "string", default: "16" },
        growing: { type: "string", default: "1000,100000,1000000" },
        only: { type: "string", default: SYSTEM_NAMES.join(",") },
        parts: { type: "string", default: PART_NAMES.join(",") },
        json: { type: "string" },
      },
    });
    return {
      systems: systemsNamed(values.only.split(",")),
      parts: partsNamed(values.parts.split(",")),
      rounds: count("rounds", values.rounds),
      largeRounds: count("large-rounds", values["large-rounds"]),
      durationMs: count("ms", values.ms),
      callers: counts("callers", values.callers),
      batchCallers: counts("batch-callers", values["batch-callers"]),
      followers: counts("followers", values.followers),
      changes: count("changes", values.changes),
      stalled: count("stalled", values.stalled),
      growing: counts("growing", values.growing),
      json: values.json,
    };
  });
  const report = await compareReplication({ ...options, progress });
  finish(replicationTable(report), report, json);
  return report.failures.length === 0;
}

function partsNamed(names: readonly string[]): (Part | "growth")[] {
  const wrong = names.find((name) => !PART_NAMES.includes(name));
  if (wrong !== undefined) throw new Error(`no part is called ${wrong}`);
  return names as (Part | "growth")[];
}
