import type { Cycle } from "./measure.ts";

/** Something to be measured, started once and measured in every round. */
export interface Contestant {
  /** What it is, as the table shows it. */
  readonly name: string;
  /** How many callers work at once. */
  readonly callers: number;
  readonly cycle: Cycle;
}

/** Contestants that share what they need, such as a server. */
export interface Group {
  readonly contestants: readonly Contestant[];
  /** Ends what was started for them. */
  close(): Promise<void>;
}
