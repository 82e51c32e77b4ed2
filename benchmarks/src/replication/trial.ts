/** Figures by name; which unit each has is told by `FIGURES`. */
export type Figures = Readonly<Partial<Record<FigureName, number>>>;

/** What can be measured, with its heading for people. */
export const FIGURES = {
  perSecond: "per s",
  p50Ms: "p50 ms",
  p99Ms: "p99 ms",
  appendP50Ms: "append p50 ms",
  seconds: "s",
  serverCpuUs: "server CPU µs each",
  ownCpuUs: "own CPU µs each",
  digestUs: "digest µs",
  rootMs: "root ms",
  roundTrips: "round trips",
  bytes: "bytes",
  scrubMs: "own scrub ms",
  locateMs: "locate ms",
  repairMs: "repair ms",
  found: "found",
  loadPerSecond: "load per s",
  datasetBytes: "dataset bytes",
  subscriberBytes: "stalled subscriber bytes",
  residentBytes: "resident bytes each",
} as const;

export type FigureName = keyof typeof FIGURES;

/** Something that is measured in every round of its part. */
export interface Trial {
  /** What is measured, such as `append`. */
  readonly part: Part;
  /** Who is measured. */
  readonly system: string;
  /** At which size and in which way, such as `64 callers`. */
  readonly of: string;
  /** Measures once. */
  run(): Promise<Figures>;
}

/** What is measured, in this order. Those that are large warm up by their own length and have fewer rounds. */
export const PARTS = {
  append: { title: "append", large: false },
  // Beside the appends that it is a share of: the speed of shared machines changes within seconds.
  digest: { title: "digest of one change", large: false },
  applied: { title: "append until applied", large: false },
  fanOut: { title: "fan-out, deliveries", large: false },
  catchUp: { title: "catch-up, changes", large: true },
  snapshot: { title: "snapshot, rows", large: true },
  repair: { title: "repair of rows changed by hand", large: true },
  memory: { title: "memory of the server", large: true },
} as const;

export type Part = keyof typeof PARTS;

/** What a trial gave in all its rounds: the median, figure by figure. */
export interface Line extends Pick<Trial, "part" | "system" | "of"> {
  /** How many rounds the figures are of; less than were asked for when some failed. */
  readonly rounds: number;
  readonly figures: Figures;
}
