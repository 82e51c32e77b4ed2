import { median, percentile } from "../statistics.ts";
import { within } from "../time.ts";
import { type Contend, type Contention, ContentionWatch } from "./contention.ts";

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
  /** What the callers saw of one another, where all want the same lock. */
  readonly contention?: Contention;
}

/** One full unit of work of one caller; `caller` is its number, from 0. */
export type Cycle = (caller: number) => Promise<void>;

// A round whose callers hang is given up so long after its time.
const OVERRUN_MS_MAX = 60_000;

/**
 * Lets so many callers repeat their cycle for about so long, and looks at every cycle.
 * @throws what the first failing cycle threw, once the other callers have stopped
 */
export async function measure(callers: number, durationMs: number, cycle: Cycle): Promise<Round> {
  const tookMs: number[] = [];
  const failures: unknown[] = [];
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  const all = Array.from({ length: callers }, async (_, caller) => {
    try {
      for (let fromMs = performance.now(); fromMs < endMs && failures.length === 0; ) {
        await cycle(caller);
        const toMs = performance.now();
        tookMs.push(toMs - fromMs);
        fromMs = toMs;
      }
    } catch (error) {
      failures.push(error);
    }
  });
  try {
    await within(durationMs + OVERRUN_MS_MAX, `a round of ${callers} callers`, Promise.all(all));
  } catch (error) {
    // Who still hangs stops after its cycle. Others may hang because one has failed: that says more.
    failures.push(error);
  }
  if (failures.length > 0) throw failures[0];
  const elapsedMs = performance.now() - startMs;
  tookMs.sort((a, b) => a - b);
  return {
    perSecond: (tookMs.length / elapsedMs) * 1_000,
    p50Ms: percentile(tookMs, 0.5),
    p99Ms: percentile(tookMs, 0.99),
    cycles: tookMs.length,
  };
}

/** The same for callers who all want one lock and release it at once, with what they see of one another. */
export async function measureContended(
  callers: number,
  durationMs: number,
  contend: Contend,
): Promise<Round> {
  const watch = new ContentionWatch();
  const startMs = performance.now();
  const round = await measure(callers, durationMs, async (caller) => {
    watch.asks(caller);
    const release = await contend(caller);
    watch.granted(caller);
    await release();
  });
  return { ...round, contention: watch.result(performance.now() - startMs) };
}

/** The round in the middle, figure by figure. */
export function medianRound(rounds: readonly Round[]): Round {
  const middle = (figure: (round: Round) => number) => median(rounds.map(figure));
  const seen = rounds.flatMap(({ contention }) => contention ?? []);
  return {
    perSecond: middle((round) => round.perSecond),
    p50Ms: middle((round) => round.p50Ms),
    p99Ms: middle((round) => round.p99Ms),
    cycles: rounds.reduce((sum, round) => sum + round.cycles, 0),
    ...(seen.length > 0 && { contention: medianContention(seen) }),
  };
}

function medianContention(all: readonly Contention[]): Contention {
  const middle = (figure: (contention: Contention) => number) => median(all.map(figure));
  const middleOfSome = (figure: (contention: Contention) => number | null) => {
    const some = all.map(figure).filter((value) => value !== null);
    return some.length === 0 ? null : median(some);
  };
  return {
    handOversPerSecond: middle((each) => each.handOversPerSecond),
    handOverP50Ms: middleOfSome((each) => each.handOverP50Ms),
    handOverP99Ms: middleOfSome((each) => each.handOverP99Ms),
    overtakingPercent: middle((each) => each.overtakingPercent),
  };
}
