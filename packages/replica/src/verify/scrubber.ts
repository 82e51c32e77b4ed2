import type { Clock, Timer } from "@lockstep/client";
import { BUCKETS } from "@lockstep/protocol";
import type { Holdings } from "../holdings.ts";
import { type Scrubbed, STEP_BUCKETS, scrubBuckets } from "./scrub.ts";

/** After a step that took t, nothing is looked at for this many times t: 5 % of a core. */
const REST_FACTOR = 19;
/** The most buckets that a pass without rest reads at once, */
const PASS_BUCKETS_MAX = 512;
/** and how long it may take for it: nothing else is done meanwhile. It reads half as many when it took longer. */
const PASS_STEP_MS_MAX = 10;

const PASS_START = { bucket: 0, count: STEP_BUCKETS, rows: 0, damaged: 0 };

/** How far a pass is. */
export interface ScrubStatus {
  /** When the last full pass ended, unix milliseconds of this machine; undefined before the first. */
  readonly passedAtMs: number | undefined;
  /** Buckets of 65,536 that the pass under way has seen. */
  readonly bucketsSeen: number;
  /** Rows this pass has read. */
  readonly rowsSeen: number;
}

/** Looks at all stored rows again and again, a few at a time. */
export class Scrubber<Tx> {
  readonly #holdings: Holdings<Tx>;
  readonly #clock: Clock;
  readonly #passMs: number;
  readonly #due: () => void;
  #timer: Timer | undefined;
  #isDue = false;
  #bucket = 0;
  #rows = 0;
  #damaged = 0;
  #passedAtMs: number | undefined;
  /** The pass without rest that is under way. */
  #pass = PASS_START;

  /** @param due called when the next step is due */
  constructor(holdings: Holdings<Tx>, clock: Clock, passMs: number, due: () => void) {
    this.#holdings = holdings;
    this.#clock = clock;
    this.#passMs = passMs;
    this.#due = due;
    this.#rest(0);
  }

  get isDue(): boolean {
    return this.#isDue;
  }

  get status(): ScrubStatus {
    return {
      passedAtMs: this.#passedAtMs,
      bucketsSeen: this.#bucket,
      rowsSeen: this.#rows,
    };
  }

  /** Looks at the next few buckets. Returns what this step has found, and of a pass that ends with it all it has found. */
  async step(): Promise<{ readonly found: Scrubbed; readonly passed: Scrubbed | undefined }> {
    const from = this.#clock.monotonicMs();
    const end = this.#bucket + STEP_BUCKETS;
    const found = await scrubBuckets(this.#holdings, this.#bucket, end);
    this.#bucket = end % BUCKETS;
    this.#rows += found.rows;
    this.#damaged += found.damaged;
    this.#rest(this.#clock.monotonicMs() - from);
    if (end < BUCKETS) return { found, passed: undefined };
    return { found, passed: this.#passed() };
  }

  /** Looks at all of them without rest, but for a turn of the event loop after each few. Nothing is applied meanwhile. */
  async pass(signal: AbortSignal): Promise<Scrubbed> {
    this.forgetPass();
    for (;;) {
      signal.throwIfAborted();
      const passed = await this.passStep();
      if (passed) return passed;
      // Acks and reads go on beside, and all else that the user's process does.
      await new Promise<void>((resolve) => this.#clock.afterOthers(resolve));
    }
  }

  /**
   * Looks at the next few of a pass without rest. Between two steps changes may be applied: each keeps rows and digest
   * together. Returns what the pass has found, once it has seen all.
   */
  async passStep(): Promise<Scrubbed | undefined> {
    const pass = this.#pass;
    const from = this.#clock.monotonicMs();
    const end = Math.min(pass.bucket + pass.count, BUCKETS);
    const { rows, damaged } = await scrubBuckets(this.#holdings, pass.bucket, end);
    const isLong = this.#clock.monotonicMs() - from > PASS_STEP_MS_MAX;
    this.#pass = {
      bucket: end,
      count: isLong ? Math.ceil(pass.count / 2) : Math.min(pass.count * 2, PASS_BUCKETS_MAX),
      rows: pass.rows + rows,
      damaged: pass.damaged + damaged,
    };
    if (end < BUCKETS) return undefined;
    this.#bucket = 0;
    this.#rows = this.#pass.rows;
    this.#damaged = this.#pass.damaged;
    this.forgetPass();
    return this.#passed();
  }

  /** Whether a pass without rest is under way. */
  get isPassing(): boolean {
    return this.#pass !== PASS_START;
  }

  /** Other rows have taken the place of those it was looking at: the next step is the first of another pass. */
  forgetPass(): void {
    this.#pass = PASS_START;
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #passed(): Scrubbed {
    const passed = { rows: this.#rows, damaged: this.#damaged };
    this.#passedAtMs = this.#clock.unixMs();
    this.#rows = 0;
    this.#damaged = 0;
    return passed;
  }

  #rest(tookMs: number): void {
    this.#isDue = false;
    this.#timer?.cancel();
    const evenly = this.#passMs / (BUCKETS / STEP_BUCKETS) - tookMs;
    this.#timer = this.#clock.after(Math.max(evenly, tookMs * REST_FACTOR), () => {
      this.#isDue = true;
      this.#due();
    });
  }
}
