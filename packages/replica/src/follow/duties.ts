import type { Clock } from "@lockstep/client";
import type { Inspected, Inspector } from "../drift/inspector.ts";
import type { Ground } from "../drift/locate.ts";
import type { ReplicaEvent } from "../events.ts";
import type { Standing } from "../standing.ts";
import type { Scrubbed } from "../verify/scrub.ts";
import type { Scrubber } from "../verify/scrubber.ts";

/** Drift that only was reported is looked at again after so long, and each further time after twice as long. */
const AGAIN_MS_MIN = 60_000;
const AGAIN_MS_MAX = 3_600_000;

/** What somebody has asked for. */
interface Wanted {
  readonly repair: boolean | undefined;
  readonly done: (result: Checked) => void;
  readonly failed: (error: unknown) => void;
}

/** What a look at all rows, and a comparison with the server's, has found. */
interface Checked extends Inspected {
  readonly scrubbed: Scrubbed;
}

/** What duties are done with. */
export interface DutiesParts<Tx> {
  readonly inspector: Inspector<Tx>;
  readonly scrubber: Scrubber<Tx>;
  readonly standing: Standing<Tx>;
  readonly clock: Clock;
  readonly repairs: boolean;
  readonly tell: (event: ReplicaEvent) => void;
  /** Something is to be done. */
  readonly wake: () => void;
}

/** What a replica does between changes: looking at its rows, and comparing them with the server's. */
export class Duties<Tx> {
  readonly #parts: DutiesParts<Tx>;
  #wanted: Wanted[] = [];
  #suspect = false;
  /** Who wanted the pass that is under way; undefined when it is made for a suspicion. */
  #passFor: Wanted | undefined;
  #again: { readonly atMs: number; readonly pauseMs: number } | undefined;

  constructor(parts: DutiesParts<Tx>) {
    this.#parts = parts;
  }

  /** Looks at all rows and compares them with the server's as soon as the replica stands on published rows. */
  check(repair: boolean | undefined, signal: AbortSignal | undefined): Promise<Checked> {
    return new Promise<Checked>((resolve, reject) => {
      signal?.throwIfAborted();
      const end = () => signal?.removeEventListener("abort", onAbort);
      const wanted: Wanted = {
        repair,
        done: (result) => {
          end();
          resolve(result);
        },
        failed: (error) => {
          end();
          reject(error);
        },
      };
      const onAbort = () => {
        this.#wanted = this.#wanted.filter((one) => one !== wanted);
        wanted.failed(signal?.reason);
      };
      signal?.addEventListener("abort", onAbort, { once: true });
      this.#wanted.push(wanted);
      this.#parts.wake();
    });
  }

  /** A checkpoint, or the digest itself, has shown that rows and digest do not belong together, or are not the server's. */
  suspect(): void {
    const { clock, standing } = this.#parts;
    if (this.#again && clock.monotonicMs() < this.#again.atMs) return;
    this.#suspect = true;
    standing.suspected();
  }

  /** All rows are known to be the server's. */
  clear(): void {
    this.#suspect = false;
    this.#again = undefined;
    this.#parts.standing.found(undefined);
  }

  /** The replica has stopped: nothing that is wanted will be done. */
  end(error: unknown): void {
    for (const { failed } of this.#wanted.splice(0)) failed(error);
  }

  /** Something is to be done before anything else is applied. */
  get areDue(): boolean {
    return this.#wanted.length > 0 || this.#suspect || this.#parts.scrubber.isDue;
  }

  /** A snapshot has taken the place of all rows. */
  published(): void {
    this.#parts.scrubber.forgetPass();
    this.clear();
  }

  /**
   * Does what is due, or a part of it. Nothing is applied meanwhile, but what the ground is asked to reach. Between two
   * parts changes may be applied.
   */
  async run(ground: Ground<Tx>): Promise<void> {
    const { scrubber } = this.#parts;
    if (this.#wanted.length > 0 || this.#suspect) await this.#look(ground);
    else if (scrubber.isDue) await this.#scrub();
  }

  /** Looks at all rows, a few each time; when it has seen all, compares them with the server's. */
  async #look(ground: Ground<Tx>): Promise<void> {
    const { scrubber, tell } = this.#parts;
    const isGivenUp = this.#passFor !== undefined && !this.#wanted.includes(this.#passFor);
    if (isGivenUp) scrubber.forgetPass();
    // Who asks during a pass means all rows, those that it has seen already too.
    if (!scrubber.isPassing) this.#passFor = this.#wanted[0];
    const scrubbed = await scrubber.passStep();
    if (!scrubbed) return;
    tell({ type: "scrubbed", ...scrubbed });
    const wanted = this.#passFor;
    const inspected = await this.#inspect(ground, wanted?.repair);
    this.#wanted = this.#wanted.filter((one) => one !== wanted);
    wanted?.done({ ...inspected, scrubbed });
    if (inspected.restart) throw inspected.restart;
  }

  async #scrub(): Promise<void> {
    const { found, passed } = await this.#parts.scrubber.step();
    if (found.damaged > 0) this.suspect();
    if (passed) this.#parts.tell({ type: "scrubbed", ...passed });
  }

  async #inspect(ground: Ground<Tx>, repair: boolean | undefined): Promise<Inspected> {
    const { inspector, standing, repairs } = this.#parts;
    const inspected = await inspector.inspect(ground, repair ?? repairs);
    this.#suspect = false;
    const { drift, asOf } = inspected;
    if (drift) {
      this.#later();
      standing.found(drift);
    } else {
      ground.holdings.verified(asOf.seq);
      this.clear();
    }
    return inspected;
  }

  #later(): void {
    const pauseMs = Math.min((this.#again?.pauseMs ?? AGAIN_MS_MIN / 2) * 2, AGAIN_MS_MAX);
    this.#again = { atMs: this.#parts.clock.monotonicMs() + pauseMs, pauseMs };
  }
}
