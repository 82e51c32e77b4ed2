import type { Goal } from "../goal.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { chainsInCore, cyclesInCore, queuesInCore } from "./core.ts";
import type { Series } from "./series.ts";
import { cyclesOfServer, type Effort, recoveries } from "./server.ts";

/** At which sizes growth is measured, rising. */
export interface GrowthOptions extends Effort {
  /** Locks held while others are taken and released. */
  readonly held: readonly number[];
  /** Waiters for one lock. */
  readonly queues: readonly number[];
  /** Owners in a circle of waiters, at least 2. */
  readonly chains: readonly number[];
  /** Events after a snapshot. */
  readonly events: readonly number[];
  /** Told what is being measured. */
  readonly progress: (text: string) => void;
}

/** What was measured, with where. */
export interface GrowthReport {
  readonly benchmark: "growth";
  readonly startedAt: string;
  readonly machine: Machine;
  readonly series: readonly Series[];
  readonly goals: readonly Goal[];
}

/**
 * Measures how costs grow. Of the core alone, and of a server's cycles, it is processor time that counts; of a
 * start, the time until the server is ready.
 */
export async function measureGrowth(options: GrowthOptions): Promise<GrowthReport> {
  const { held, queues, chains, events, progress } = options;
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const parts: Record<string, () => Series | Promise<Series>> = {
    "circles of waiters": () => chainsInCore(chains),
    queues: () => queuesInCore(queues),
    "cycles in the core": () => cyclesInCore(held),
    "cycles of a server": () => cyclesOfServer(held, options),
    recovery: () => recoveries(events, options),
  };
  const series: Series[] = [];
  for (const [name, part] of Object.entries(parts)) {
    progress(name);
    series.push(await part());
  }
  return { benchmark: "growth", startedAt, machine, series, goals: series.map(goalOf) };
}

function goalOf({ name, of, bound, exponent, spread, met }: Series): Goal {
  const flat = bound === "flat";
  const wanted = flat ? "highest at most 1.2 × lowest" : `power no higher than that of ${bound}`;
  return { kind: "gate", name: `${of}: ${name}`, figure: flat ? spread : exponent, wanted, met };
}
