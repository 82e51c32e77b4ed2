import type { Clock } from "@lockstep/client";

/** A moment on both clocks. */
interface Instant {
  readonly monotonicMs: number;
  readonly unixMs: number;
}

interface Mark {
  /** The number of the question. */
  readonly asked: number;
  readonly at: Instant;
  /** The head that was answered. */
  readonly head: bigint;
}

// One question a second; whoever lags further behind than this is told to be older than it is, never younger.
const MAX_MARKS = 64;

/**
 * How fresh rows are, without comparing clocks of two machines: once they have every change up to a head, they are as
 * fresh as the sending of the question that this head answered.
 */
export class Freshness {
  readonly #clock: Clock;
  #asked = 0;
  /** Heads that are not applied yet, in the order of their questions. */
  #marks: Mark[] = [];
  #fresh: Mark | undefined;
  #applied = 0n;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The number of the last question that has been asked. */
  get asked(): number {
    return this.#asked;
  }

  /** The number of the question whose sending the rows are as fresh as; 0 when there is none. */
  get freshAsOf(): number {
    return this.#fresh?.asked ?? 0;
  }

  /** A question is about to be sent. Returns what takes its answer. */
  ask(): (head: bigint) => void {
    this.#asked += 1;
    const asked = this.#asked;
    const at = { monotonicMs: this.#clock.monotonicMs(), unixMs: this.#clock.unixMs() };
    return (head) => {
      this.#marks.push({ asked, at, head });
      if (this.#marks.length > MAX_MARKS)
        this.#marks = this.#marks.filter((_, index) => index % 2 === 0);
      this.#look();
    };
  }

  /** Every change up to this one can be read. */
  applied(seq: bigint): void {
    this.#applied = seq;
    this.#look();
  }

  /** Nothing that was known holds any more: the rows are others, or the server has another history. */
  forget(): void {
    this.#marks = [];
    this.#fresh = undefined;
    this.#applied = 0n;
  }

  /** Every change acknowledged so long ago can be read, milliseconds; Infinity when nothing is known. */
  stalenessMs(): number {
    if (!this.#fresh) return Number.POSITIVE_INFINITY;
    const { monotonicMs, unixMs } = this.#fresh.at;
    return Math.max(this.#clock.monotonicMs() - monotonicMs, this.#clock.unixMs() - unixMs);
  }

  #look(): void {
    for (const mark of this.#marks)
      if (mark.head <= this.#applied && mark.asked > this.freshAsOf) this.#fresh = mark;
    this.#marks = this.#marks.filter(({ asked }) => asked > this.freshAsOf);
  }
}
