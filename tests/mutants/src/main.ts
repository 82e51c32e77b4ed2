// Breaks every rule of safety once and sees that the test named for it notices: `pnpm mutants`, or
// `pnpm mutants <name>...` for some. Nothing in the working tree is touched.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { attack, mustPassUnbroken } from "./attack.ts";
import { reportFolder, writeReport } from "./report.ts";
import { mutants } from "./table.ts";

const { positionals } = parseArgs({ allowPositionals: true });
const unknown = positionals.filter((name) => mutants.every((mutant) => mutant.name !== name));
if (unknown.length > 0)
  throw new Error(
    `no such mutant: ${unknown.join(", ")}; there are ${mutants.map(({ name }) => name).join(", ")}`,
  );
const chosen =
  positionals.length === 0 ? mutants : mutants.filter(({ name }) => positionals.includes(name));

await mustPassUnbroken(chosen);
const verdicts = await attack(chosen, Math.min(4, availableParallelism()), (verdict) => {
  const { mutant, killedBy, why } = verdict;
  console.info(
    killedBy === undefined
      ? `SURVIVED ${mutant.name}: ${why}`
      : `killed ${mutant.name} by "${killedBy}"`,
  );
});
writeReport(verdicts);
const survivors = verdicts.filter(({ killedBy }) => killedBy === undefined);
console.info(
  `${verdicts.length - survivors.length} of ${verdicts.length} killed; the table is in ${reportFolder}`,
);
process.exitCode = survivors.length > 0 ? 1 : 0;
