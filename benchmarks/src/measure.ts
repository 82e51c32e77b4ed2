/** What one round of one contestant gave. */
export interface Round {
  /** Cycles finished per second, all callers together. */
  readonly perSecond: number;
  /** The middle cycle, milliseconds. */
  readonly p50Ms: number;
  /** The cycle that 99 of 100 are faster than, milliseconds. */
  readonly p99Ms: number;
  /** How many cycles were finished. */
  readonly cycles: number;
}

/** One full unit of work of one caller; `caller` is its number, from 0. */
export type Cycle = (caller: number) => Promise<void>;

/** Lets so many callers repeat their cycle for about so long, and looks at every cycle. */
export async function measure(callers: number, durationMs: number, cycle: Cycle): Promise<Round> {
  const tookMs: number[] = [];
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  await Promise.all(
    Array.from({ length: callers }, async (_, caller) => {
      for (let fromMs = performance.now(); fromMs < endMs; ) {
        await cycle(caller);
        const toMs = performance.now();
        tookMs.push(toMs - fromMs);
        fromMs = toMs;
      }
    }),
  );
  const elapsedMs = performance.now() - startMs;
  tookMs.sort((a, b) => a - b);
  return {
    perSecond: (tookMs.length / elapsedMs) * 1_000,
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    cycles: tookMs.length,
  };
}

/** The round in the middle, figure by figure. */
export function medianRound(rounds: readonly Round[]): Round {
  const middle = (figure: (round: Round) => number) => median(rounds.map(figure));
  return {
    perSecond: middle((round) => round.perSecond),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    cycles: rounds.reduce((sum, round) => sum + round.cycles, 0),
  };
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1] ?? Number.NaN;
  const lower = sorted[(sorted.length - 1) >> 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

function percentile(sorted: readonly number[], share: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
