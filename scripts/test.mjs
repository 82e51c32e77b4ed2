// Everything `npm test` checks: one step after the other, each with its time; then every suite of tests
// with its counts. A failed step does not stop the others. Started by bootstrap.mjs.
import { mkdirSync, rmSync } from "node:fs";
import { rememberInstall } from "./install.mjs";
import { resultsDir } from "./result-file.mjs";
import { report } from "./test/report.mjs";
import { runStep } from "./test/run-step.mjs";
import { steps } from "./test/steps.mjs";
import { collectSuites } from "./test/suites.mjs";

rmSync(resultsDir, { recursive: true, force: true });
mkdirSync(resultsDir, { recursive: true });

const outcomes = [];
for (const step of steps) {
  const outcome = await runStep(step);
  outcomes.push(outcome);
  if (step.name === "install") {
    // Nothing after it could tell us anything new.
    if (outcome.status === "failed") break;
    rememberInstall();
  }
}
const installed = outcomes[0].status === "passed";
process.exitCode = report(outcomes, installed ? collectSuites() : []) > 0 ? 1 : 0;
