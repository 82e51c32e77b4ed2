import type { TraceListener } from "../check/checker.ts";
import type { Violation } from "../check/violation.ts";
import type { Plan } from "../plan/config.ts";
import { healAndDemandProgress } from "./healing.ts";
import { World } from "./world.ts";

/** What became of a run. */
export interface RunResult {
  readonly seed: number;
  /** The rule that did not hold, if one did not. */
  readonly violation: Violation | undefined;
  /** The same for every run of the same plan. */
  readonly traceHash: number;
  /** How often rare things have happened. */
  readonly marks: ReadonlyMap<string, number>;
  /** Durable events, and events of the simulation. */
  readonly events: number;
  readonly steps: number;
}

/** Runs a plan: first everything may go wrong, then nothing does and progress is demanded. */
export async function simulate(plan: Plan, onTrace?: TraceListener): Promise<RunResult> {
  const world = new World(plan, onTrace);
  const { checker, scheduler } = world;
  const onRejection = (reason: unknown) =>
    checker.fail(
      "nothing surfaces as an unhandled rejection",
      reason instanceof Error ? (reason.stack ?? reason.message) : String(reason),
    );
  process.on("unhandledRejection", onRejection);
  try {
    world.start();
    await scheduler.run(plan.config.durationMs, () => checker.violation !== undefined);
    if (checker.violation === undefined) await healAndDemandProgress(world);
    checker.watch(() => {
      checker.outcomes.finish();
      world.resource.finish();
    });
  } catch (error) {
    checker.fail("nothing throws", error instanceof Error ? (error.stack ?? "") : String(error));
  } finally {
    process.off("unhandledRejection", onRejection);
  }
  return {
    seed: plan.seed,
    violation: checker.violation,
    traceHash: checker.traceHash,
    marks: world.marks.counts,
    events: checker.history.events.length,
    steps: scheduler.steps,
  };
}
