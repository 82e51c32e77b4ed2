// `pnpm bench locks`: cycles of acquire and release beside what lies under them, in one run.
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { compareLocks, GROUP_NAMES, type GroupName } from "./locks.ts";
import { table } from "./table.ts";

const USAGE = `usage: pnpm bench locks [--rounds 5] [--ms 2000] [--callers 1,64,1024] [--contending 100]
  [--only ${GROUP_NAMES.join(",")}] [--json FILE]`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: "string", default: "5" },
    ms: { type: "string", default: "2000" },
    callers: { type: "string", default: "1,64,1024" },
    contending: { type: "string", default: "100" },
    only: { type: "string", default: GROUP_NAMES.join(",") },
    json: { type: "string" },
  },
});
const [rounds, durationMs] = [Number(values.rounds), Number(values.ms)];
const contending = Number(values.contending);
const groups = values.only.split(",") as GroupName[];
const callers = values.callers.split(",").map(Number);
const numbers = [rounds, durationMs, contending, ...callers];
const sound =
  numbers.every((n) => Number.isSafeInteger(n) && n > 0) &&
  groups.every((name) => GROUP_NAMES.includes(name));
if (positionals.join() !== "locks" || !sound) {
  process.stderr.write(`${USAGE}\n`);
  process.exit(2);
}
const progress = (text: string) => process.stderr.write(`${text}\n`);
const report = await compareLocks({ groups, callers, contending, rounds, durationMs, progress });
process.stdout.write(`${table(report)}\n`);
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(report, null, 2)}\n`);
