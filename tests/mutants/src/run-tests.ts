import { spawn } from "node:child_process";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { MutatedPackage } from "./mutant.ts";
import { repository } from "./scratch.ts";

/** Longer than any of these tests takes on a slow machine. A mutant may make one run for ever. */
const RUN_MS_MAX = 90_000;

/** How a test ended. */
interface TestOutcome {
  /** The title, after those of the suites around it. */
  readonly title: string;
  readonly passed: boolean;
}

/** What came of a run of tests. */
export interface Run {
  /** The tests that ran; none when their file could not be loaded, or the run had to be ended. */
  readonly tests: readonly TestOutcome[];
  /** What was printed. */
  readonly output: string;
}

/** Runs the tests of these files, in the copy of their package, whose titles contain one of these. */
export async function runTests(
  root: string,
  name: MutatedPackage,
  files: readonly string[],
  titles: readonly string[],
): Promise<Run> {
  const results = join(root, ".results", `${name}.vitest.json`);
  rmSync(results, { force: true });
  const vitest = join(repository, "node_modules", "vitest", "vitest.mjs");
  const paths = files.map((file) => `src/${file}`);
  const pattern = titles.map(escaped).join("|");
  const args = [vitest, "run", ...paths, "--no-file-parallelism", "-t", pattern];
  const cwd = join(root, "packages", name);
  const child = spawn(process.execPath, args, {
    cwd,
    env: { ...process.env, LOCKSTEP_SHRINK: "0" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: RUN_MS_MAX,
    killSignal: "SIGKILL",
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  await new Promise((resolve) => child.once("close", resolve));
  return { tests: outcomesOf(results), output };
}

function outcomesOf(results: string): TestOutcome[] {
  if (!existsSync(results)) return [];
  const { testResults } = JSON.parse(readFileSync(results, "utf8")) as {
    testResults: { assertionResults: { fullName: string; status: string }[] }[];
  };
  return testResults
    .flatMap(({ assertionResults }) => assertionResults)
    .filter(({ status }) => status === "passed" || status === "failed")
    .map(({ fullName, status }) => ({ title: fullName, passed: status === "passed" }));
}

function escaped(title: string): string {
  return title.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
