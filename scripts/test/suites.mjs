// What the test suites of all packages left in `.results/`.
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { resultsDir } from "../result-file.mjs";
import { root } from "../toolchain.mjs";

/**
 * @typedef {object} Suite
 * @property {string} name
 * @property {number} passed
 * @property {number} failed
 * @property {number} skipped
 * @property {number} seconds
 * @property {string[]} failures one text for each failed test
 * @property {string} [notRun] why nothing could run here
 */

/** Every package with a test script, with its counts. One that ran nothing has failed. */
export function collectSuites() {
  return packagesWithTests().map(({ name, dir }) => {
    const suite = { name, ...readResult(basename(dir)) };
    if (suite.notRun === undefined && suite.passed + suite.failed === 0) {
      suite.failed = 1;
      suite.failures.push(`${name} has a test script, but no test of it ran`);
    }
    return suite;
  });
}

function packagesWithTests() {
  const folders = ["packages", "tests"].flatMap((parent) =>
    existsSync(join(root, parent))
      ? readdirSync(join(root, parent)).map((name) => join(root, parent, name))
      : [],
  );
  return [...folders, join(root, "benchmarks"), join(root, "conformance")]
    .filter((dir) => existsSync(join(dir, "package.json")))
    .map((dir) => ({ dir, ...readJson(join(dir, "package.json")) }))
    .filter(({ scripts }) => scripts?.test !== undefined);
}

/** @returns {Omit<Suite, "name">} */
function readResult(folder) {
  const ours = join(resultsDir, `${folder}.json`);
  const vitest = join(resultsDir, `${folder}.vitest.json`);
  if (existsSync(ours))
    return { passed: 0, failed: 0, skipped: 0, seconds: 0, failures: [], ...readJson(ours) };
  if (existsSync(vitest)) return fromVitest(readJson(vitest), statSync(vitest).mtimeMs);
  return { passed: 0, failed: 0, skipped: 0, seconds: 0, failures: [] };
}

function fromVitest(report, endMs) {
  const failures = report.testResults.flatMap((file) => [
    ...file.assertionResults
      .filter(({ status }) => status === "failed")
      .map((test) => describe(file, test)),
    // The file itself did not load: no test of it says so.
    ...(file.status === "failed" && file.assertionResults.every(({ status }) => status !== "failed")
      ? [`${file.name}\n${file.message}`]
      : []),
  ]);
  // Where no test ran, the caller says so.
  if (!report.success && report.numTotalTests > 0 && failures.length === 0)
    failures.push("An error outside of any test: see the output above");
  return {
    passed: report.numPassedTests,
    failed: failures.length,
    skipped: report.numPendingTests + report.numTodoTests,
    seconds: Math.max(0, endMs - report.startTime) / 1000,
    failures,
  };
}

function describe(file, { fullName, failureMessages }) {
  const message = failureMessages.join("\n").split("\n").slice(0, 20).join("\n");
  return `${file.name.slice(root.length + 1)}: ${fullName}\n${message}`;
}

function readJson(file) {
  return JSON.parse(readFileSync(file, "utf8"));
}
