import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Verdict } from "./attack.ts";
import { pathOf, testPathOf } from "./mutant.ts";
import { repository } from "./scratch.ts";

/** Where the tables are written. Ignored by git. */
export const reportFolder = join(repository, ".results", "mutants");

/** Writes who killed whom, for people (`table.md`) and for programs (`table.json`). */
export function writeReport(verdicts: readonly Verdict[]): void {
  mkdirSync(reportFolder, { recursive: true });
  writeFileSync(join(reportFolder, "table.md"), markdown(verdicts));
  const rows = verdicts.map(({ mutant, killedBy }) => ({
    name: mutant.name,
    rule: mutant.rule,
    file: pathOf(mutant),
    testFile: testPathOf(mutant),
    killedBy: killedBy ?? null,
  }));
  writeFileSync(join(reportFolder, "table.json"), `${JSON.stringify(rows, undefined, 2)}\n`);
}

function markdown(verdicts: readonly Verdict[]): string {
  const killed = verdicts.filter(({ killedBy }) => killedBy !== undefined).length;
  const rows = verdicts.map(({ mutant, killedBy }) => {
    const by = killedBy === undefined ? "**nobody: it survived**" : `${cell(killedBy)}`;
    return `| ${cell(mutant.rule)} | \`${pathOf(mutant)}\` | ${by} |`;
  });
  return [
    "# Rules of safety, each broken once",
    "",
    `${killed} of ${verdicts.length} mutants were killed by the test named for them.`,
    "",
    "| rule | broken in | noticed by |",
    "|---|---|---|",
    ...rows,
    "",
  ].join("\n");
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}
