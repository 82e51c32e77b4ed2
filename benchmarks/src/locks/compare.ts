import type { Goal } from "../goal.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { within } from "../time.ts";
import { type Contestant, type Group, PeerMissingError, type Sizes } from "./contestant.ts";
import { goalsOf } from "./goals.ts";
import type { StartGroup } from "./groups.ts";
import { measure, measureContended, medianRound, type Round } from "./measure.ts";

/** How a comparison is run. */
export interface LocksOptions extends Sizes {
  /** Who takes part, by name. */
  readonly groups: Readonly<Record<string, StartGroup>>;
  /** How often every contestant is measured; the rounds are interleaved. */
  readonly rounds: number;
  /** How long each is measured in a round, milliseconds. */
  readonly durationMs: number;
  /** Told what is being measured, and what failed. */
  readonly progress: (text: string) => void;
}

/** What a contestant gave in all its rounds: the median, figure by figure. */
export interface Line extends Round {
  readonly name: string;
  readonly callers: number;
  readonly contended: boolean;
  /** How many rounds the figures are of; less than were asked for when some failed. */
  readonly rounds: number;
  /** Cycles per second of Lockstep over Attach with as many callers, in the same run, as a multiple of these. */
  readonly lockstepTimes?: number;
  /** Whether all requests of all rounds were granted in the order of their arrival, by the server's own history. */
  readonly arrivalOrderKept?: boolean;
}

/** Something that went wrong; the run went on without it. */
interface Failure {
  /** The contestant, with its number of callers, or the group. */
  readonly name: string;
  /** When, such as `round 2`, `start` or `stop`. */
  readonly during: string;
  readonly error: string;
}

/** What a comparison gave, with where it was run. */
export interface LocksReport {
  readonly benchmark: "locks";
  /** When it began, ISO 8601. */
  readonly startedAt: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly durationMs: number;
  /** What took part. */
  readonly versions: Readonly<Record<string, string>>;
  /** Who could not take part, and why. */
  readonly missing: Readonly<Record<string, string>>;
  /** What went wrong; a contestant without a sound round has no line. */
  readonly failures: readonly Failure[];
  readonly lines: readonly Line[];
  readonly goals: readonly Goal[];
}

// Opening or closing what one contestant needs for its round.
const STEP_MS_MAX = 60_000;

/**
 * Measures locks beside what lies under them and beside what else one might use. A round measures every
 * contestant once, in turn, so that a change of the machine's mood meets all of them; a figure is the
 * median of its rounds. Who fails in a round is named, and the others go on.
 */
export async function compareLocks(options: LocksOptions): Promise<LocksReport> {
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const run = new Run(options);
  // What a peer's library leaves to nobody must not end the run either.
  const onStray = (error: unknown) => run.stray(error);
  process.on("uncaughtException", onStray).on("unhandledRejection", onStray);
  try {
    await run.start();
    await run.measureAll();
  } finally {
    await run.stop();
    process.off("uncaughtException", onStray).off("unhandledRejection", onStray);
  }
  const { rounds, durationMs } = options;
  const { versions, missing, failures } = run;
  const lines = withRatios(run.lines());
  const goals = goalsOf(lines, options.contending);
  const about = { benchmark: "locks", startedAt, machine, rounds, durationMs } as const;
  return { ...about, versions, missing, failures, lines, goals };
}

interface Result {
  readonly rounds: Round[];
  readonly ordersKept: boolean[];
}

class Run {
  readonly versions: Record<string, string> = {};
  readonly missing: Record<string, string> = {};
  readonly failures: Failure[] = [];
  readonly #options: LocksOptions;
  readonly #groups = new Map<string, Group>();
  readonly #results = new Map<Contestant, Result>();
  #doing = { name: "all", during: "start" };

  constructor(options: LocksOptions) {
    this.#options = options;
  }

  /** Starts one after the other: what has started must be stopped also when the next one does not start. */
  async start(): Promise<void> {
    for (const [name, start] of Object.entries(this.#options.groups)) {
      try {
        const group = await start(this.#options);
        this.#groups.set(name, group);
        this.versions[name] = group.version;
        for (const each of group.contestants)
          this.#results.set(each, { rounds: [], ordersKept: [] });
      } catch (error) {
        if (error instanceof PeerMissingError) this.missing[name] = error.message;
        else this.#failed(name, "start", error);
      }
    }
  }

  /** The first round warms up and does not count. */
  async measureAll(): Promise<void> {
    for (let round = 0; round <= this.#options.rounds; round++) {
      for (const [contestant, result] of this.#results) {
        try {
          await this.#measure(contestant, round, result);
        } catch (error) {
          this.#failed(nameOf(contestant), `round ${round}`, error);
        }
      }
    }
  }

  async stop(): Promise<void> {
    this.#doing = { name: "all", during: "stop" };
    for (const [name, group] of this.#groups) {
      await group.close().catch((error: unknown) => this.#failed(name, "stop", error));
    }
  }

  /** An error that reached nobody: it is told of what was going on then. */
  stray(error: unknown): void {
    this.#failed(this.#doing.name, this.#doing.during, error);
  }

  /** What was measured; nothing of a contestant that failed in every round. */
  lines(): Line[] {
    return [...this.#results].flatMap(([{ name, callers, contended }, { rounds, ordersKept }]) => {
      if (rounds.length === 0) return [];
      const order = ordersKept.length > 0 && { arrivalOrderKept: ordersKept.every(Boolean) };
      const about = { name, callers, contended, rounds: rounds.length };
      return [{ ...about, ...medianRound(rounds), ...order }];
    });
  }

  async #measure(contestant: Contestant, round: number, result: Result): Promise<void> {
    const { progress, rounds, durationMs } = this.#options;
    const name = nameOf(contestant);
    this.#doing = { name, during: `round ${round}` };
    progress(`round ${round} of ${rounds}: ${name}`);
    const step = async <T>(what: string, work: Promise<T> | undefined) =>
      work && (await within(STEP_MS_MAX, `${what} ${name}`, work));
    let measured: Round;
    let orderKept: boolean | undefined;
    try {
      await step("preparing", contestant.prepare?.());
      measured = await roundOf(contestant, durationMs);
      orderKept = await step("checking the order of", contestant.arrivalOrderKept?.());
    } finally {
      await step("finishing", contestant.finish?.());
    }
    if (round === 0) return;
    result.rounds.push(measured);
    if (orderKept !== undefined) result.ordersKept.push(orderKept);
  }

  #failed(name: string, during: string, error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    this.failures.push({ name, during, error: text });
    this.#options.progress(`${during}: ${name} failed: ${text}`);
  }
}

function roundOf({ work, callers }: Contestant, durationMs: number): Promise<Round> {
  if ("run" in work) return work.run(durationMs);
  if ("contend" in work) return measureContended(callers, durationMs, work.contend);
  return measure(callers, durationMs, work.cycle);
}

function nameOf({ name, callers, contended }: Contestant): string {
  return `${name}, ${callers} callers, ${contended ? "one lock" : "a lock each"}`;
}

function withRatios(lines: readonly Line[]): Line[] {
  return lines.map((line) => {
    const ours = lines.find(
      ({ name, callers, contended }) =>
        name === "Lockstep, Attach" && callers === line.callers && contended === line.contended,
    );
    return ours === undefined ? line : { ...line, lockstepTimes: ours.perSecond / line.perSecond };
  });
}
