// The end of `npm test`: times, what failed and why, what did not run, and the counts on the last line.

/**
 * Prints the report and returns the number of failures.
 *
 * @param {Awaited<ReturnType<import("./run-step.mjs").runStep>>[]} outcomes
 * @param {import("./suites.mjs").Suite[]} suites
 */
export function report(outcomes, suites) {
  const checks = outcomes.filter(({ step }) => step.name !== "suites");
  const notRun = [
    ...checks
      .filter(({ status }) => status === "not run")
      .map(({ step, reason }) => `${step.name}: ${reason}`),
    ...suites.filter((suite) => suite.notRun).map((suite) => `${suite.name}: ${suite.notRun}`),
  ];
  const failures = [
    ...checks
      .filter(({ status }) => status === "failed")
      .map(({ step, tail }) => `${step.name}\n${tail}`),
    ...suites.flatMap(({ name, failures }) => failures.map((text) => `${name}: ${text}`)),
    ...runnerFailure(outcomes, suites),
  ];
  printTimes(outcomes, suites);
  for (const failure of failures) console.log(`\nFAILED ${failure}`);
  if (notRun.length > 0) console.log();
  for (const line of notRun) console.log(`NOT RUN ${line}`);
  // On a build machine everything has to be there; on a person's it may not be.
  const strict = process.env.CI === "true";
  const passed = checks.filter(({ status }) => status === "passed").length + sum(suites, "passed");
  const failed = failures.length + (strict ? notRun.length : 0);
  const skipped = sum(suites, "skipped") + (strict ? 0 : notRun.length);
  console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed;
}

/** The run of the suites failed, but no suite says so. */
function runnerFailure(outcomes, suites) {
  const run = outcomes.find(({ step }) => step.name === "suites");
  if (run?.status !== "failed" || sum(suites, "failed") > 0) return [];
  return [`suites: the run failed although no test did\n${run.tail}`];
}

function printTimes(outcomes, suites) {
  const rows = [
    ...outcomes.map(({ step, seconds, status }) => [step.name, seconds, status]),
    ...suites.map((suite) => [`  ${suite.name}`, suite.seconds, countsOf(suite)]),
  ];
  console.log(`\n${"step or suite".padEnd(28)}${"seconds".padStart(9)}`);
  for (const [name, seconds, outcome] of rows) {
    console.log(`${name.padEnd(28)}${seconds.toFixed(1).padStart(9)}  ${outcome}`);
  }
}

function countsOf({ passed, failed, skipped, notRun }) {
  return notRun === undefined
    ? `${passed} passed, ${failed} failed, ${skipped} skipped`
    : "not run";
}

function sum(suites, key) {
  return suites.reduce((total, suite) => total + suite[key], 0);
}
