// The kill test of replication by hand, as long as wanted: --seconds 60 --replicas 3 --seed 1
import { parseArgs } from "node:util";
import { killRun } from "./kill-run.ts";
import { violationsOf } from "./verdict.ts";

const { values } = parseArgs({
  options: {
    seconds: { type: "string", default: "60" },
    replicas: { type: "string", default: "3" },
    seed: { type: "string", default: "1" },
  },
});
const plan = {
  kills: 1,
  seconds: wholeNumber("seconds"),
  replicas: wholeNumber("replicas"),
  seed: wholeNumber("seed"),
};
const result = await killRun(plan, (progress) => console.error(progress));
const { acknowledged, log, kills, filesLost } = result;
console.log(`${log.changes.length} changes, ${acknowledged.length} batches acknowledged`);
const killed = [...kills].map(([name, times]) => `${name} ${times} times`).join(", ");
console.log(`killed: ${killed}; files lost: ${filesLost}; ${log.count} rows at the end`);
const violations = violationsOf(result);
for (const violation of violations) console.log(violation);
console.log(`${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;

function wholeNumber(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  console.error(`--${name} is a whole number from 1 on, not ${values[name]}`);
  process.exit(2);
}
