import type { Tally } from "./tally.ts";

/** Where a flood goes, for how long, and where it counts. */
export interface FloodTarget {
  readonly url: string;
  readonly untilMs: number;
  readonly tally: Tally;
}

/** One way to flood a server. */
export type Flood = (target: FloodTarget) => Promise<void>;

/** How many connections a flood uses at once. */
export const CONNECTIONS = 8;
export const MIB = 1024 * 1024;
