// The crash test by hand, as large as wanted: --clients 200 --kills 20 --seed 1
import { parseArgs } from "node:util";
import { crashRun } from "./crash-run.ts";
import { violationsOf } from "./verdict.ts";

const { values } = parseArgs({
  options: {
    clients: { type: "string", default: "200" },
    kills: { type: "string", default: "20" },
    seed: { type: "string", default: "1" },
  },
});
const plan = {
  clients: wholeNumber("clients"),
  kills: wholeNumber("kills"),
  seed: wholeNumber("seed"),
};
const violations = violationsOf(await crashRun(plan, (progress) => console.error(progress)));
for (const violation of violations) console.log(violation);
console.log(`${violations.length} violations`);
process.exitCode = violations.length === 0 ? 0 : 1;

function wholeNumber(name: keyof typeof values): number {
  const value = Number(values[name]);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  console.error(`--${name} is a whole number from 1 on, not ${values[name]}`);
  process.exit(2);
}
