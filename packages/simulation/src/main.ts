// The simulation by hand: pnpm simulate --seeds 10000 --minutes 10 [--from 1] [--workers 2] [--replay FILE]
import { parseArgs } from "node:util";
import { isMainThread, parentPort, Worker, workerData } from "node:worker_threads";
import { missingMarks } from "./marks/expected.ts";
import { drawPlan } from "./plan/draw-plan.ts";
import { readReplay, writeReplay } from "./plan/replay-file.ts";
import { shrink } from "./plan/shrink.ts";
import { secondsSince, stopwatch } from "./ports/stopwatch.ts";
import { emptySummary, type Failure, runSeeds, type Summary } from "./run/many-seeds.ts";
import { simulate } from "./run/simulate.ts";

/** What finding a smaller plan may cost. */
const SHRINK_RUNS_MAX = 600;
/** A report each so many seeds of a worker. */
const REPORT_EACH = 25;
const FAILURES_FOLDER = ".results/simulation";

interface Share {
  readonly from: number;
  readonly step: number;
  readonly end: number;
}

if (isMainThread) await main();
else await work(workerData as Share);

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      seeds: { type: "string", default: "1000" },
      minutes: { type: "string", default: "60" },
      from: { type: "string", default: "1" },
      workers: { type: "string", default: "2" },
      replay: { type: "string" },
    },
  });
  if (values.replay !== undefined) return replay(values.replay);
  const seeds = wholeNumber("seeds", values.seeds);
  const from = wholeNumber("from", values.from);
  const workers = wholeNumber("workers", values.workers);
  const summary = await runAll(from, seeds, workers, 60 * wholeNumber("minutes", values.minutes));
  const missing = printMarks(summary);
  for (const failure of summary.failures.slice(0, 5)) await explain(failure);
  console.log(
    `${summary.seeds} seeds, ${summary.events} durable events, ${summary.failures.length} failures, ${missing} marks not met`,
  );
  process.exitCode = summary.failures.length + missing === 0 ? 0 : 1;
}

function runAll(from: number, seeds: number, workers: number, seconds: number): Promise<Summary> {
  const start = stopwatch();
  const total = emptySummary();
  let reported = start;
  const report = () => {
    reported = stopwatch();
    const took = secondsSince(start);
    console.error(
      `${total.seeds} of ${seeds} seeds, ${(total.seeds / took).toFixed(1)} each second, ${total.failures.length} failures`,
    );
  };
  return new Promise((resolve, reject) => {
    let running = workers;
    for (let index = 0; index < workers; index++) {
      const share: Share = { from: from + index, step: workers, end: from + seeds };
      const worker = new Worker(new URL(import.meta.url), { workerData: share });
      worker.on("message", (part: Part) => {
        add(total, part);
        for (const { seed, what } of part.failures) console.error(`seed ${seed} failed: ${what}`);
        if (secondsSince(reported) >= 5) report();
        if (secondsSince(start) > seconds) worker.postMessage("stop");
      });
      worker.on("error", reject);
      worker.on("exit", () => {
        running -= 1;
        if (running > 0) return;
        report();
        resolve(total);
      });
    }
  });
}

/** What a worker reports: all since its last report. */
interface Part {
  readonly seeds: number;
  readonly events: number;
  readonly marks: readonly (readonly [string, number])[];
  readonly failures: readonly Failure[];
}

function add(total: Summary, { seeds, events, marks, failures }: Part): void {
  total.seeds += seeds;
  total.events += events;
  total.marks.add(marks);
  total.failures.push(...failures);
}

async function work({ from, step, end }: Share): Promise<void> {
  let stopped = false;
  parentPort?.on("message", () => {
    stopped = true;
  });
  for (let first = from; first < end && !stopped; first += step * REPORT_EACH) {
    const { seeds, events, marks, failures } = await runSeeds(range(first, step, end), () => true);
    const part: Part = { seeds, events, marks: [...marks.counts], failures };
    parentPort?.postMessage(part);
  }
  parentPort?.close();
}

function* range(from: number, step: number, end: number): Generator<number> {
  for (let index = 0; index < REPORT_EACH; index++) {
    const seed = from + index * step;
    if (seed < end) yield seed;
  }
}

/** Prints how often each mark was met. Returns how many were not. */
function printMarks({ marks, seeds }: Summary): number {
  const rows = [...marks.counts].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [name, times] of rows) console.log(`${String(times).padStart(9)}  ${name}`);
  const missing = missingMarks(marks.counts, seeds);
  for (const name of missing) console.log(`    NEVER  ${name}`);
  return missing.length;
}

/** Shrinks what failed and writes it down. */
async function explain({ seed, rule, what }: Failure): Promise<void> {
  console.log(`seed ${seed} broke a rule: ${what}`);
  const fails = async (plan: Parameters<typeof simulate>[0]) =>
    (await simulate(plan)).violation?.rule === rule;
  const smallest = await shrink(drawPlan(seed), fails, SHRINK_RUNS_MAX);
  const { violation } = await simulate(smallest);
  const path = `${FAILURES_FOLDER}/seed-${seed}.json`;
  writeReplay(path, { ...smallest, rule, what: violation?.message ?? what });
  console.log(`  ${smallest.actions.length} actions are left: pnpm simulate --replay ${path}`);
}

async function replay(path: string): Promise<void> {
  const plan = readReplay(path);
  const { violation, traceHash, events } = await simulate(plan, (line) => console.log(line));
  console.log(`trace ${traceHash.toString(16)}, ${events} durable events`);
  console.log(violation ? violation.message : "no rule was broken");
  process.exitCode = violation ? 1 : 0;
}

function wholeNumber(name: string, text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value) && value >= 1) return value;
  console.error(`--${name} is a whole number from 1 on, not ${text}`);
  process.exit(2);
}
