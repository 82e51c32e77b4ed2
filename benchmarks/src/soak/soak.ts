import { connect } from "@lockstep/client/node";
import type { Goal } from "../goal.ts";
import { type JournalView, viewJournal } from "../journal-view.ts";
import { describeMachine, type Machine } from "../machine.ts";
import { type ServerProcess, startServerProcess } from "../server-process.ts";
import { percentile } from "../statistics.ts";
import { pass } from "../time.ts";
import { Load } from "./load.ts";
import { verdictOf } from "./verdict.ts";

/** A long run. */
export interface SoakOptions {
  /** How long, milliseconds. */
  readonly durationMs: number;
  /** From one sample to the next, milliseconds. */
  readonly sampleMs: number;
  /** How often the journal is looked at, and latencies are told apart by what it did, milliseconds. */
  readonly sliceMs: number;
  /** How many callers load the server, a lock each, over one session. */
  readonly callers: number;
  /** More flags of the server. */
  readonly serverFlags: readonly string[];
  /** Told every sample. */
  readonly onSample: (sample: Sample) => void;
}

/** What was seen in one slice of time. */
export interface Slice {
  readonly tookMs: readonly number[];
  readonly p99Ms: number;
  /** Whether a snapshot was completed or history was dropped in it. */
  readonly upkeep: boolean;
}

/** What was seen since the sample before. */
export interface Sample {
  /** Since the beginning, seconds. */
  readonly atS: number;
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Of JavaScript in the server, garbage included, bytes. */
  readonly usedBytes: number;
  /** Of the server's process, bytes. */
  readonly residentBytes: number;
  /** All files of its data, bytes. */
  readonly diskBytes: number;
  /** Snapshots that were seen since the beginning; of two within one slice one is seen. */
  readonly snapshots: number;
  /** How often history was seen to have been dropped since the beginning. */
  readonly compactions: number;
}

/** What a long run gave, with where it was run. */
export interface SoakReport {
  readonly benchmark: "soak";
  readonly startedAt: string;
  readonly machine: Machine;
  readonly callers: number;
  /** What ended the run early. */
  readonly failure?: string;
  readonly samples: readonly Sample[];
  readonly goals: readonly Goal[];
}

/** Keeps a server under full load, and looks at it while it works. */
export async function soak(options: SoakOptions): Promise<SoakReport> {
  const { callers, serverFlags } = options;
  const startedAt = new Date().toISOString();
  const machine = describeMachine();
  const server = await startServerProcess({ probed: true, flags: serverFlags });
  try {
    const client = connect({ address: server.address });
    await client.ready();
    const load = new Load(client, callers);
    const watch = new Watch(server, load, options);
    try {
      await watch.run();
    } finally {
      await load.stop();
      await client.close();
    }
    const { samples, slices } = watch;
    const failure = load.failure === undefined ? {} : { failure: String(load.failure) };
    const goals = verdictOf(samples, slices);
    return { benchmark: "soak", startedAt, machine, callers, ...failure, samples, goals };
  } finally {
    await server.stop();
  }
}

class Watch {
  readonly samples: Sample[] = [];
  readonly slices: Slice[] = [];
  readonly #server: ServerProcess;
  readonly #load: Load;
  readonly #options: SoakOptions;
  readonly #startMs = performance.now();
  #journal: JournalView;
  #snapshots = 0;
  #compactions = 0;

  constructor(server: ServerProcess, load: Load, options: SoakOptions) {
    this.#server = server;
    this.#load = load;
    this.#options = options;
    this.#journal = viewJournal(server.folder);
  }

  /** Looks until the time is over or the load has failed. */
  async run(): Promise<void> {
    const { durationMs, onSample } = this.#options;
    while (performance.now() - this.#startMs < durationMs && this.#load.failure === undefined) {
      const sample = await this.#sample();
      this.samples.push(sample);
      onSample(sample);
    }
  }

  async #sample(): Promise<Sample> {
    const { sampleMs } = this.#options;
    const fromMs = performance.now();
    const tookMs: number[] = [];
    while (performance.now() - fromMs < sampleMs && this.#load.failure === undefined) {
      const slice = await this.#slice();
      for (const each of slice.tookMs) tookMs.push(each);
      // What it took is in the sample; of a long run all of it would be too much.
      this.slices.push({ ...slice, tookMs: [] });
    }
    const elapsedMs = performance.now() - fromMs;
    const { usedBytes, residentBytes } = await this.#server.usage({ collect: false });
    tookMs.sort((a, b) => a - b);
    return {
      atS: (performance.now() - this.#startMs) / 1_000,
      perSecond: (tookMs.length / elapsedMs) * 1_000,
      p50Ms: percentile(tookMs, 0.5),
      p99Ms: percentile(tookMs, 0.99),
      usedBytes,
      residentBytes,
      diskBytes: this.#journal.diskBytes,
      snapshots: this.#snapshots,
      compactions: this.#compactions,
    };
  }

  async #slice(): Promise<Slice> {
    await pass(this.#options.sliceMs);
    const tookMs = this.#load.take().sort((a, b) => a - b);
    const before = this.#journal;
    this.#journal = viewJournal(this.#server.folder);
    const { snapshotRevision, droppedRevision } = this.#journal;
    const hasSnapshot = snapshotRevision !== before.snapshotRevision;
    const hasDropped = droppedRevision !== before.droppedRevision;
    if (hasSnapshot) this.#snapshots++;
    if (hasDropped) this.#compactions++;
    return { tookMs, p99Ms: percentile(tookMs, 0.99), upkeep: hasSnapshot || hasDropped };
  }
}
