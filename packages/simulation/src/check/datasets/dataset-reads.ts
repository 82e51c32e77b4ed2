import { demand } from "../violation.ts";
import type { DatasetLog } from "./dataset-log.ts";
import type { Positions, Shown } from "./positions.ts";

/** How fresh a read is to be. */
export type Wanted =
  | { readonly level: "STRONG" | "EVENTUAL" }
  | { readonly level: "BOUNDED"; readonly maxStalenessMs: number }
  | { readonly level: "AT_LEAST"; readonly seq: bigint };

/** A read that has begun. */
export interface Begun {
  readonly reader: string;
  readonly dataset: string;
  readonly wanted: Wanted;
  /** The log there was; undefined: none. */
  readonly log: DatasetLog | undefined;
  /** The last seq that had been acknowledged of it. */
  readonly acknowledged: bigint;
}

/** What a read showed. */
export interface Answer extends Omit<Shown, "reader"> {
  /** Somebody has changed rows behind the reader's back: they tell nothing of the place. */
  readonly damaged: boolean;
}

/** What is said of a read, apart from its rows. */
export interface Age {
  readonly stalenessMs: number;
  /** When it was answered, in true time. */
  readonly atMs: number;
}

/** What a read would have shown that is refused. */
export interface Refusal {
  readonly appliedSeq: bigint;
  readonly stalenessMs: number;
}

/** What is known of the datasets while they are read. */
export interface Known {
  readonly positions: Positions;
  /** The log of a dataset as it is now. */
  log(dataset: string): DatasetLog | undefined;
  /** The last seq of it that had been acknowledged by a moment of true time. Default: by now. */
  acknowledgedBy(atMs?: number): bigint;
}

/** The clocks of two machines differ by less than this share. */
const CLOCK_SHARE = 1.01;
/** What the rounding of clocks may cost, milliseconds. */
const ROUNDING_MS = 2;

/** Watches that a read is as fresh as it was asked to be, and as it says, or is refused in time. */
export class DatasetReads {
  readonly #known: Known;

  constructor(known: Known) {
    this.#known = known;
  }

  /** A read begins. */
  begun(reader: string, dataset: string, wanted: Wanted): Begun {
    const log = this.#known.log(dataset);
    return { reader, dataset, wanted, log, acknowledged: this.#known.acknowledgedBy() };
  }

  /** It is answered: rows after whole batches, and those that were asked for. */
  answered(begun: Begun, answer: Answer): void {
    const { reader, wanted } = begun;
    const { appliedSeq, damaged } = answer;
    if (!damaged) this.#known.positions.shown({ ...answer, reader });
    if (wanted.level === "STRONG") this.#strong(begun, answer);
    if (wanted.level === "AT_LEAST")
      demand(
        appliedSeq >= wanted.seq,
        "an AT_LEAST read shows what it was asked for",
        () => `${reader} shows ${appliedSeq}, ${wanted.seq} was asked for`,
      );
  }

  /** What it says of its age is true: whatever was acknowledged so long before is in what it showed. */
  aged(begun: Begun, answer: Answer, { stalenessMs, atMs }: Age): void {
    const { reader, wanted } = begun;
    const { appliedSeq } = answer;
    const known = this.#known.acknowledgedBy(atMs - stalenessMs * CLOCK_SHARE - ROUNDING_MS);
    demand(
      appliedSeq >= known && (known === 0n || this.#isOfLog(begun, answer)),
      "staleness is never understated",
      () =>
        `${reader} shows ${appliedSeq} as at most ${stalenessMs} ms old, ${known} was acknowledged before`,
    );
    if (wanted.level !== "BOUNDED") return;
    demand(
      stalenessMs <= wanted.maxStalenessMs,
      "a BOUNDED read is no older than it was asked to be",
      () => `${reader} is ${stalenessMs} ms old, not ${wanted.maxStalenessMs}`,
    );
  }

  /** It is refused because what there is, is too old. */
  refused({ reader, wanted }: Begun, { appliedSeq, stalenessMs }: Refusal): void {
    const couldBe =
      wanted.level === "EVENTUAL" ||
      (wanted.level === "AT_LEAST" && appliedSeq >= wanted.seq) ||
      (wanted.level === "BOUNDED" && stalenessMs <= wanted.maxStalenessMs);
    demand(
      !couldBe,
      "a read is refused only when it cannot be as fresh",
      () => `${reader} refuses ${wanted.level} at ${appliedSeq}, ${stalenessMs} ms old`,
    );
  }

  /** The time is over for which it was to wait. */
  timeIsOver({ reader, wanted }: Begun, hasEnded: boolean): void {
    demand(hasEnded, "a read ends in time", () => `${reader} has not ended a read ${wanted.level}`);
  }

  /** Where the log is another one now than when the read began, what was acknowledged is lost or deleted. */
  #strong(begun: Begun, answer: Answer): void {
    const { reader, dataset, log, acknowledged } = begun;
    if (log === undefined || log !== this.#known.log(dataset)) return;
    const rule = "a STRONG read shows what was acknowledged";
    const { appliedSeq } = answer;
    demand(
      appliedSeq >= acknowledged,
      rule,
      () => `${reader} shows ${appliedSeq}, ${acknowledged} was acknowledged before it began`,
    );
    demand(
      this.#isOfLog(begun, answer),
      rule,
      () => `${reader} shows another history at ${appliedSeq}`,
    );
  }

  #isOfLog({ dataset }: Begun, answer: Answer): boolean {
    const log = this.#known.log(dataset);
    return answer.damaged || log === undefined || this.#known.positions.isOf(log, answer);
  }
}
