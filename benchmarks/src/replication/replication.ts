import type { Goal } from "../goal.ts";
import type { Series } from "../growth/series.ts";
import { PeerMissingError } from "../locks/contestant.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { median } from "../statistics.ts";
import { goalsOf } from "./goals.ts";
import { growth } from "./growth.ts";
import type { System } from "./system.ts";
import type { StartSystem } from "./systems.ts";
import { type FigureName, type Figures, type Line, PARTS, type Part, type Trial } from "./trial.ts";
import { ownTrials, type Sizes, trialsOf } from "./trials.ts";

/** How replication is measured. */
export interface ReplicationOptions extends Sizes {
  /** Who takes part, by name. What Lockstep does alone is measured when it is among them. */
  readonly systems: Readonly<Record<string, StartSystem>>;
  /** What is measured; `growth` is a part of its own. */
  readonly parts: readonly (Part | "growth")[];
  /** How often everything that goes on for a time is measured; the rounds are interleaved. */
  readonly rounds: number;
  /** The same of what is large. */
  readonly largeRounds: number;
  /** Rows at which growth is measured, rising. */
  readonly growing: readonly number[];
  /** Told what is being measured, and what failed. */
  readonly progress: (text: string) => void;
}

/** Something that went wrong; the run went on without it. */
interface Failure {
  readonly name: string;
  /** When, such as `round 2`, `start` or `stop`. */
  readonly during: string;
  readonly error: string;
}

/** What was measured, with where. */
export interface ReplicationReport {
  readonly benchmark: "replication";
  /** When it began, ISO 8601. */
  readonly startedAt: string;
  readonly machine: Machine;
  readonly rounds: number;
  readonly largeRounds: number;
  readonly durationMs: number;
  readonly changes: number;
  /** What took part. */
  readonly versions: Readonly<Record<string, string>>;
  /** Who could not take part, and why. */
  readonly missing: Readonly<Record<string, string>>;
  /** What went wrong; a trial without a sound round has no line. */
  readonly failures: readonly Failure[];
  readonly lines: readonly Line[];
  readonly series: readonly Series[];
  readonly goals: readonly Goal[];
}

/**
 * Measures replication beside what else one might use. A round measures every trial once, in turn; a figure is the
 * median of its rounds. Who fails in a round is named, and the others go on.
 */
export async function compareReplication(options: ReplicationOptions): Promise<ReplicationReport> {
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const run = new Run(options);
  // What a peer's library leaves to nobody must not end the run either.
  const onStray = (error: unknown) => run.stray(error);
  process.on("uncaughtException", onStray).on("unhandledRejection", onStray);
  let series: Series[];
  try {
    await run.start();
    await run.measureAll();
    series = await run.grow();
  } finally {
    await run.stop();
    process.off("uncaughtException", onStray).off("unhandledRejection", onStray);
  }
  const { rounds, largeRounds, durationMs, changes } = options;
  const about = { startedAt, machine, rounds, largeRounds, durationMs, changes };
  const { versions, missing, failures } = run;
  const lines = run.lines();
  const goals = goalsOf(lines, series);
  return { benchmark: "replication", ...about, versions, missing, failures, lines, series, goals };
}

class Run {
  readonly versions: Record<string, string> = {};
  readonly missing: Record<string, string> = {};
  readonly failures: Failure[] = [];
  readonly #options: ReplicationOptions;
  readonly #closing = new Map<string, () => Promise<void>>();
  readonly #results = new Map<Trial, Figures[]>();
  #doing = { name: "all", during: "start" };

  constructor(options: ReplicationOptions) {
    this.#options = options;
  }

  /** Starts one after the other: what has started must be stopped also when the next one does not start. */
  async start(): Promise<void> {
    const trials: Trial[] = [];
    for (const [name, start] of Object.entries(this.#options.systems)) {
      this.#doing = { name, during: "start" };
      try {
        const system: System = await start();
        this.#closing.set(name, () => system.close());
        this.versions[name] = system.version;
        trials.push(...(await trialsOf(system, this.#options)));
      } catch (error) {
        if (error instanceof PeerMissingError) this.missing[name] = error.message;
        else this.#failed(error);
      }
    }
    if ("lockstep" in this.#options.systems) {
      const own = ownTrials(this.#options);
      this.#closing.set("own", own.close);
      trials.push(...own.trials);
    }
    for (const part of Object.keys(PARTS) as Part[]) {
      if (!this.#options.parts.includes(part)) continue;
      for (const trial of trials) if (trial.part === part) this.#results.set(trial, []);
    }
  }

  async measureAll(): Promise<void> {
    const { rounds, largeRounds } = this.#options;
    // The first round warms up and does not count.
    await this.#measure(false, 0, rounds);
    await this.#measure(true, 1, largeRounds);
  }

  async grow(): Promise<Series[]> {
    const { parts, growing, rounds, durationMs, progress, systems } = this.#options;
    if (!parts.includes("growth") || !("lockstep" in systems)) return [];
    this.#doing = { name: "growth", during: "growth" };
    progress("growth");
    try {
      return await growth(growing, { rounds, durationMs });
    } catch (error) {
      this.#failed(error);
      return [];
    }
  }

  async stop(): Promise<void> {
    for (const [name, close] of this.#closing) {
      this.#doing = { name, during: "stop" };
      await close().catch((error: unknown) => this.#failed(error));
    }
  }

  /** An error that reached nobody: it is told of what was going on then. */
  stray(error: unknown): void {
    this.#failed(error);
  }

  /** What was measured; nothing of a trial that failed in every round. */
  lines(): Line[] {
    return [...this.#results].flatMap(([{ part, system, of }, all]) =>
      all.length === 0 ? [] : [{ part, system, of, rounds: all.length, figures: medians(all) }],
    );
  }

  async #measure(large: boolean, first: number, last: number): Promise<void> {
    for (let round = first; round <= last; round++) {
      for (const [trial, results] of this.#results) {
        if (PARTS[trial.part].large !== large) continue;
        const name = `${PARTS[trial.part].title}: ${trial.system}, ${trial.of}`;
        this.#doing = { name, during: `round ${round}` };
        this.#options.progress(`round ${round} of ${last}: ${name}`);
        try {
          const figures = await trial.run();
          if (round > 0) results.push(figures);
        } catch (error) {
          this.#failed(error);
        }
      }
    }
  }

  #failed(error: unknown): void {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    const { name, during } = this.#doing;
    this.failures.push({ name, during, error: text });
    this.#options.progress(`${during}: ${name} failed: ${text}`);
  }
}

/** The middle of each figure. */
function medians(all: readonly Figures[]): Figures {
  const names = new Set(all.flatMap((figures) => Object.keys(figures) as FigureName[]));
  const middle = (name: FigureName) => median(all.flatMap((figures) => figures[name] ?? []));
  return Object.fromEntries([...names].map((name) => [name, middle(name)]));
}
