import { parseArgs } from "node:util";
import { count, finish, usage } from "../command-line.ts";
import { soak } from "./soak.ts";
import { sampleHeadings, sampleLine, soakSummary } from "./table.ts";

const USAGE = `usage: pnpm bench soak [--minutes 30] [--sample-s 10] [--callers 256] [--history-events COUNT]
  [--snapshot-events COUNT] [--json FILE]`;
const SLICE_MS = 1_000;

/** `pnpm bench soak`: a server under full load for a long time, with a line for every sample. */
export async function soakCommand(args: string[]): Promise<boolean> {
  const { json, ...options } = usage(USAGE, () => {
    const { values } = parseArgs({
      args,
      options: {
        minutes: { type: "string", default: "30" },
        "sample-s": { type: "string", default: "10" },
        callers: { type: "string", default: "256" },
        "history-events": { type: "string" },
        "snapshot-events": { type: "string" },
        json: { type: "string" },
      },
    });
    const serverFlags = (["history-events", "snapshot-events"] as const).flatMap((flag) => {
      const value = values[flag];
      return value === undefined ? [] : [`--${flag}`, String(count(flag, value))];
    });
    return {
      durationMs: count("minutes", values.minutes) * 60_000,
      sampleMs: count("sample-s", values["sample-s"]) * 1_000,
      callers: count("callers", values.callers),
      serverFlags,
      json: values.json,
    };
  });
  process.stdout.write(`${sampleHeadings}\n`);
  const report = await soak({
    ...options,
    sliceMs: SLICE_MS,
    onSample: (sample) => process.stdout.write(`${sampleLine(sample)}\n`),
  });
  finish(soakSummary(report), report, json);
  return report.failure === undefined;
}
