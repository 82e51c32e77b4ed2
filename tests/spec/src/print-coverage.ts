// Prints which tests name which requirement, then the MUSTs that nobody names: pnpm spec:coverage [ID or prefix]
import { coverageOfRepository, unnamed } from "./coverage.ts";
import { show } from "./finding.ts";

const coverage = coverageOfRepository();
const wanted = process.argv[2] ?? "";
for (const { id } of coverage.requirements) {
  const tests = coverage.references.filter((reference) => reference.id === id);
  if (!id.startsWith(wanted) || tests.length === 0) continue;
  console.log(`${id}\n${tests.map(({ path, line }) => `  ${path}:${line}`).join("\n")}`);
}

const missing = unnamed(coverage);
if (missing.length > 0) console.log("\nNamed by no test:\n");
for (const { id, side, text } of missing) {
  if (id.startsWith(wanted)) console.log(`${id} (${side}) ${text}`);
}

const musts = coverage.requirements.filter(({ must }) => must).length;
const { findings } = coverage;
if (findings.length > 0) console.log(`\nWrong:\n\n${findings.map(show).join("\n")}`);
console.log(`\n${musts - missing.length} of ${musts} MUSTs are named by a test.`);
process.exitCode = missing.length > 0 || findings.length > 0 ? 1 : 0;
