import { Marks } from "../marks/marks.ts";
import { drawPlan } from "../plan/draw-plan.ts";
import { simulate } from "./simulate.ts";

/** A seed that broke a rule. */
export interface Failure {
  readonly seed: number;
  readonly rule: string;
  readonly what: string;
}

/** What many seeds have shown. */
export interface Summary {
  seeds: number;
  events: number;
  readonly marks: Marks;
  readonly failures: Failure[];
}

export function emptySummary(): Summary {
  return { seeds: 0, events: 0, marks: new Marks(), failures: [] };
}

/** Runs seeds one after the other until `goOn` says no; tells of each. */
export async function runSeeds(
  seeds: Iterable<number>,
  goOn: (summary: Summary) => boolean,
): Promise<Summary> {
  const summary = emptySummary();
  for (const seed of seeds) {
    const { violation, marks, events } = await simulate(drawPlan(seed));
    summary.seeds += 1;
    summary.events += events;
    summary.marks.add(marks);
    if (violation) {
      summary.failures.push({ seed, rule: violation.rule, what: violation.message });
    }
    if (!goOn(summary)) break;
  }
  return summary;
}
