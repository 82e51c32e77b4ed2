import { compareNames } from "@lockstep/protocol";

/** Names that are listed: a map by name, or a set. */
export interface Listed {
  readonly size: number;
  has(name: string): boolean;
  keys(): Iterable<string>;
}

/** Neighbours in byte order: names from `from` on, up to where the next run begins. */
interface Run {
  readonly from: string;
  /** May have names that are gone. */
  names: string[];
  /** Whether they stand in order, each once. */
  sorted: boolean;
}

/** A run that has been read has no more names than this, so that a new one is cheap to put in. */
const RUN_MAX = 1_000;

/** How many names a run has at first, about. It is sorted when somebody reads it. */
const FIRST_RUN = 16_000;

/** So many names are looked at for each place where a run begins. */
const SAMPLES = 16;

/** So many names may be kept in order that are not listed any more, beside one for each that is. */
const SPARE = 10_000;

/**
 * The byte order of names that come and go, for lists in pages. It is made when somebody lists, and only as
 * far as is read; it is dropped when it has more names that are gone than names that are there. While there
 * is none, a new name costs nothing, and then an entry in a log; a name that goes never does.
 */
export class NameOrder {
  readonly #listed: Listed;
  /** By `from`, the first from the empty name on; undefined while nobody lists. */
  #runs: Run[] | undefined;
  /** Names that came since the last list. */
  #noted: string[] = [];
  /** How many names are in runs and log, those that are gone too. */
  #kept = 0;

  constructor(listed: Listed) {
    this.#listed = listed;
  }

  /** Must be told of each name that is new. */
  note(name: string): void {
    if (this.#runs === undefined) return;
    this.#noted.push(name);
    this.#kept += 1;
    if (this.#isWorn()) this.#drop();
  }

  /** The names from `lowest` on, in byte order, each once. The names must not change meanwhile. */
  *from(lowest: string): Generator<string, undefined> {
    const runs = this.#upToDate();
    for (let at = runAt(runs, lowest); at < runs.length; at += 1) {
      this.#sort(runs, at);
      const run = runs[at] as Run;
      for (let i = placeOf(run.names, lowest); i < run.names.length; i += 1) {
        const name = run.names[i] as string;
        if (this.#listed.has(name)) yield name;
        else run.sorted = false;
      }
    }
  }

  #isWorn(): boolean {
    return this.#kept > 2 * this.#listed.size + SPARE;
  }

  #drop(): void {
    this.#runs = undefined;
    this.#noted = [];
    this.#kept = 0;
  }

  #upToDate(): Run[] {
    if (this.#isWorn()) this.#drop();
    if (this.#runs === undefined) {
      this.#runs = firstRuns([...this.#listed.keys()]);
      this.#kept = this.#listed.size;
    }
    const noted = new Set(this.#noted);
    this.#kept += noted.size - this.#noted.length;
    this.#noted = [];
    for (const name of noted) {
      const run = this.#runs[runAt(this.#runs, name)] as Run;
      run.names.push(name);
      run.sorted = false;
    }
    return this.#runs;
  }

  /** Sorts a run and drops what is gone; a long one becomes several. */
  #sort(runs: Run[], at: number): void {
    const { from, names, sorted } = runs[at] as Run;
    if (sorted) return;
    const there = names.filter((name) => this.#listed.has(name)).sort(compareNames);
    const once = there.filter((name, i) => name !== there[i - 1]);
    this.#kept -= names.length - once.length;
    const parts: Run[] = [{ from, names: once.slice(0, RUN_MAX), sorted: true }];
    for (let i = RUN_MAX; i < once.length; i += RUN_MAX)
      parts.push({ from: once[i] as string, names: once.slice(i, i + RUN_MAX), sorted: true });
    runs.splice(at, 1, ...parts);
  }
}

/** Runs of about the same length that are not sorted. */
function firstRuns(names: readonly string[]): Run[] {
  const count = Math.ceil(names.length / FIRST_RUN);
  const sample: string[] = [];
  for (let i = 0; i < count * SAMPLES; i += 1)
    sample.push(names[Math.floor((i * names.length) / (count * SAMPLES))] as string);
  sample.sort(compareNames);
  const runs: Run[] = [{ from: "", names: [], sorted: false }];
  for (let i = SAMPLES; i < sample.length; i += SAMPLES)
    runs.push({ from: sample[i] as string, names: [], sorted: false });
  for (const name of names) (runs[runAt(runs, name)] as Run).names.push(name);
  return runs;
}

/** The run a name belongs to. */
function runAt(runs: readonly Run[], name: string): number {
  let low = 1;
  let high = runs.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareNames((runs[middle] as Run).from, name) <= 0) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** The first place with this name or a higher one. */
function placeOf(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (compareNames(names[middle] as string, name) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
