import { cpus } from "node:os";
import type { Contestant, Group } from "./contestant.ts";
import { lockstep } from "./lockstep.ts";
import { measure, medianRound, type Round } from "./measure.ts";
import { rawCommit } from "./raw-commit.ts";
import { rawHttp2 } from "./raw-http2.ts";

/** How a comparison is run. */
export interface LocksOptions {
  /** How many callers work at once, one contestant for each number. */
  readonly callers: readonly number[];
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
  /** Cycles per second as a share of the raw ping-pong with as many callers, in the same run. */
  readonly ofPingPong: number;
}

/** What a comparison gave, with where it was run. */
export interface LocksReport {
  readonly benchmark: "locks";
  readonly machine: string;
  readonly node: string;
  readonly rounds: number;
  readonly durationMs: number;
  readonly lines: readonly Line[];
}

/**
 * Measures locks beside what lies under them. A round measures every contestant once, in turn, so that
 * a change of the machine's mood meets all of them; a figure is the median of its rounds.
 */
export async function compareLocks(options: LocksOptions): Promise<LocksReport> {
  const { callers, rounds, durationMs } = options;
  const groups: Group[] = [];
  try {
    // One by one: what has started must be closed also when the next one does not start.
    groups.push(await rawCommit());
    groups.push(await rawHttp2(callers));
    groups.push(await lockstep(callers));
    const contestants = groups.flatMap((group) => group.contestants);
    const medians = await measureAll(contestants, options);
    const [cpu] = cpus();
    return {
      benchmark: "locks",
      machine: `${cpus().length} × ${cpu?.model ?? "unknown"}`,
      node: process.version,
      rounds,
      durationMs,
      lines: withRatios(medians),
    };
  } finally {
    for (const group of groups) await group.close();
  }
}

type Measured = Omit<Line, "ofPingPong">;

async function measureAll(
  contestants: readonly Contestant[],
  { rounds, durationMs, progress }: LocksOptions,
): Promise<Measured[]> {
  const results = new Map<Contestant, Round[]>(contestants.map((each) => [each, []]));
  // The first round warms up and does not count.
  for (let round = 0; round <= rounds; round++) {
    for (const contestant of contestants) {
      const { name, callers, cycle } = contestant;
      progress(`round ${round} of ${rounds}: ${name}, ${callers} callers`);
      const result = await measure(callers, durationMs, cycle);
      if (round > 0) results.get(contestant)?.push(result);
    }
  }
  return contestants.map((contestant) => ({
    name: contestant.name,
    callers: contestant.callers,
    ...medianRound(results.get(contestant) ?? []),
  }));
}

function withRatios(measured: readonly Measured[]): Line[] {
  return measured.map((line) => {
    const floor = measured.find(
      ({ name, callers }) => name === "raw HTTP/2 ping-pong" && callers === line.callers,
    );
    return { ...line, ofPingPong: line.perSecond / (floor?.perSecond ?? Number.NaN) };
  });
}
