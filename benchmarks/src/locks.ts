import { cpus } from "node:os";
import { type Contestant, type Group, PeerMissingError, type Sizes } from "./contestant.ts";
import { lockstep } from "./lockstep.ts";
import { measure, medianRound, type Round } from "./measure.ts";
import { currentEtcd, debianEtcd } from "./peers/etcd.ts";
import { postgres } from "./peers/postgres.ts";
import { redis } from "./peers/redis.ts";
import { rawCommit } from "./raw-commit.ts";
import { rawHttp2 } from "./raw-http2.ts";

/** Who can take part, by the name under which one is chosen. */
const GROUPS = {
  commit: rawCommit,
  "ping-pong": rawHttp2,
  lockstep,
  redis,
  "etcd-debian": debianEtcd,
  etcd: currentEtcd,
  postgres,
} as const satisfies Record<string, (sizes: Sizes) => Promise<Group>>;

/** Who can take part. */
export type GroupName = keyof typeof GROUPS;

/** All who can take part. */
export const GROUP_NAMES = Object.keys(GROUPS) as readonly GroupName[];

/** How a comparison is run. */
export interface LocksOptions extends Sizes {
  /** Who takes part. */
  readonly groups: readonly GroupName[];
  /** How often every contestant is measured; the rounds are interleaved. */
  readonly rounds: number;
  /** How long each is measured in a round, milliseconds. */
  readonly durationMs: number;
  /** Told what is being measured. */
  readonly progress: (text: string) => void;
}

/** One line of the result. */
interface Line extends Round {
  readonly name: string;
  readonly callers: number;
  readonly contended: boolean;
  /** Cycles per second of Lockstep over Attach with as many callers, in the same run, as a multiple of these. */
  readonly lockstepTimes: number | undefined;
}

/** What a comparison gave, with where it was run. */
export interface LocksReport {
  readonly benchmark: "locks";
  readonly machine: string;
  readonly node: string;
  readonly rounds: number;
  readonly durationMs: number;
  /** What took part. */
  readonly versions: Readonly<Record<string, string>>;
  /** Who could not take part, and why. */
  readonly missing: Readonly<Record<string, string>>;
  readonly lines: readonly Line[];
}

/**
 * Measures locks beside what lies under them and beside what else one might use. A round measures every
 * contestant once, in turn, so that a change of the machine's mood meets all of them; a figure is the
 * median of its rounds.
 */
export async function compareLocks(options: LocksOptions): Promise<LocksReport> {
  const { rounds, durationMs } = options;
  const groups: Group[] = [];
  const versions: Record<string, string> = {};
  const missing: Record<string, string> = {};
  try {
    // One by one: what has started must be closed also when the next one does not start.
    for (const name of options.groups) {
      try {
        const group = await GROUPS[name](options);
        groups.push(group);
        versions[name] = group.version;
      } catch (error) {
        if (!(error instanceof PeerMissingError)) throw error;
        missing[name] = error.message;
      }
    }
    const contestants = groups.flatMap((group) => group.contestants);
    const medians = await measureAll(contestants, options);
    const [cpu] = cpus();
    return {
      benchmark: "locks",
      machine: `${cpus().length} × ${cpu?.model ?? "unknown"}`,
      node: process.version,
      rounds,
      durationMs,
      versions,
      missing,
      lines: withRatios(medians),
    };
  } finally {
    for (const group of groups) await group.close();
  }
}

type Measured = Omit<Line, "lockstepTimes">;

async function measureAll(
  contestants: readonly Contestant[],
  { rounds, durationMs, progress }: LocksOptions,
): Promise<Measured[]> {
  const results = new Map<Contestant, Round[]>(contestants.map((each) => [each, []]));
  // The first round warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const contestant of contestants) {
      const { name, callers, contended, work } = contestant;
      const wants = contended ? "one lock" : "a lock each";
      progress(`round ${round} of ${rounds}: ${name}, ${callers} callers, ${wants}`);
      const result =
        "run" in work ? await work.run(durationMs) : await measure(callers, durationMs, work.cycle);
      if (round > 0) results.get(contestant)?.push(result);
    }
  }
  return contestants.map((contestant) => ({
    name: contestant.name,
    callers: contestant.callers,
    contended: contestant.contended,
    ...medianRound(results.get(contestant) ?? []),
  }));
}

function withRatios(measured: readonly Measured[]): Line[] {
  return measured.map((line) => {
    const ours = measured.find(
      ({ name, callers, contended }) =>
        name === "Lockstep, Attach" && callers === line.callers && contended === line.contended,
    );
    const lockstepTimes = ours === undefined ? undefined : ours.perSecond / line.perSecond;
    return { ...line, lockstepTimes };
  });
}
