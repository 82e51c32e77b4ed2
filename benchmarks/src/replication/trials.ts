import { digestCost } from "./digest-cost.ts";
import { catchUp, LargeLog, snapshot } from "./large-logs.ts";
import { memory } from "./memory.ts";
import { repair } from "./repair.ts";
import { appends, fanOut, untilApplied } from "./streams.ts";
import type { System } from "./system.ts";
import type { Trial } from "./trial.ts";

/** How much is measured. */
export interface Sizes {
  /** How long what goes on for a time is measured in a round, milliseconds. */
  readonly durationMs: number;
  /** Callers who append a change each. */
  readonly callers: readonly number[];
  /** Callers who append batches; JetStream takes no more than 50 at once. */
  readonly batchCallers: readonly number[];
  /** Followers of one log. */
  readonly followers: readonly number[];
  /** Changes to catch up with, and rows of a snapshot, of a repair and of a dataset in memory. */
  readonly changes: number;
  /** Subscribers that read nothing. */
  readonly stalled: number;
}

const BATCH = 100;

/** What is measured of every system. */
export async function trialsOf(system: System, sizes: Sizes): Promise<Trial[]> {
  const { durationMs, callers, batchCallers, followers, changes } = sizes;
  const append = await system.open("append");
  const applied = await system.open("applied");
  const wide = await system.open("fan-out");
  const large = new LargeLog(changes, await system.open("large"));
  const [cheapest] = Object.entries(wide.followers);
  return [
    ...callers.map((count) => appends(system, append, durationMs, { callers: count, batch: 1 })),
    ...batchCallers.map((count) =>
      appends(system, append, durationMs, { callers: count, batch: BATCH }),
    ),
    ...Object.entries(applied.followers).map((how) =>
      untilApplied(system, applied, durationMs, how),
    ),
    ...(cheapest === undefined
      ? []
      : followers.map((count) => fanOut(system, wide, durationMs, cheapest, count))),
    ...Object.entries(large.log.followers).map((how) => catchUp(system, large, how)),
    ...Object.entries(large.log.snapshots).map((how) => snapshot(system, large, how)),
  ];
}

/** What is measured of Lockstep alone, and the way to end what was started for it. */
export function ownTrials({ changes, stalled }: Sizes): {
  trials: Trial[];
  close(): Promise<void>;
} {
  const repairs = repair(changes);
  return {
    trials: [digestCost(changes), repairs.trial, memory(changes, stalled)],
    close: repairs.close,
  };
}
