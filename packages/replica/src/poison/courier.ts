import type { Clock, Random } from "@lockstep/client";
import type { AppliedChange } from "../apply/applied-change.ts";
import { ApplyFailure, type Parking } from "../apply/projection.ts";
import { messageOf, PoisonChangeError } from "../errors.ts";
import type { ReplicaEvent } from "../events.ts";
import { backoffMs, pause } from "../pause.ts";
import { textOf } from "../rows.ts";
import { Breaker, type BreakerOptions, type BreakerState } from "./breaker.ts";

/** What happens with a change on which `apply` fails again and again. */
export interface PoisonOptions {
  /** HALT: the replica stops. PARK: the change is set aside, with all later ones of its key, until it is replayed. */
  readonly onPoison: "HALT" | "PARK";
  /** How often a change is tried before that. */
  readonly attempts: number;
  /** The longest pause between two attempts, milliseconds. */
  readonly maxPauseMs: number;
  readonly breaker: BreakerOptions;
}

/** What is done with the user's `apply` in it. `probe`: no more than must be done at once. */
type Work<T> = (parking: Parking, probe: boolean) => Promise<T>;

/** Repeats what fails in the user's `apply`, until it succeeds, or the change it fails on is poison. */
export class Courier {
  readonly #options: PoisonOptions;
  readonly #clock: Clock;
  readonly #random: Random;
  readonly #tell: (event: ReplicaEvent) => void;
  readonly #breaker: Breaker;
  readonly #poison = new Map<string, string>();
  #failing: { readonly id: string; attempts: number } | undefined;

  constructor(
    options: PoisonOptions,
    clock: Clock,
    random: Random,
    tell: (event: ReplicaEvent) => void,
  ) {
    this.#options = options;
    this.#clock = clock;
    this.#random = random;
    this.#tell = tell;
    this.#breaker = new Breaker(options.breaker, clock, random, (state) =>
      tell({ type: "breaker", state }),
    );
  }

  get breaker(): BreakerState {
    return this.#breaker.state;
  }

  /** @throws PoisonChangeError when the replica has to stop; the signal's reason; whatever else `work` throws */
  async run<T>(signal: AbortSignal, work: Work<T>): Promise<T> {
    const parking: Parking = { problemOf: (change) => this.#poison.get(idOf(change)) };
    for (;;) {
      await this.#breaker.ready(signal);
      signal.throwIfAborted();
      try {
        const result = await work(parking, this.#breaker.state === "HALF_OPEN");
        this.#succeeded();
        return result;
      } catch (error) {
        if (!(error instanceof ApplyFailure)) throw error;
        await this.#failed(error, signal);
      }
    }
  }

  #succeeded(): void {
    this.#poison.clear();
    this.#failing = undefined;
    this.#breaker.succeeded();
  }

  async #failed({ change, cause }: ApplyFailure, signal: AbortSignal): Promise<void> {
    const id = idOf(change);
    if (this.#failing?.id !== id) this.#failing = { id, attempts: 0 };
    this.#failing.attempts += 1;
    const { attempts } = this.#failing;
    this.#breaker.failed();
    this.#tell({ type: "applyFailed", change, attempts, error: cause });
    if (attempts < this.#options.attempts) {
      if (this.#breaker.state !== "CLOSED") return;
      await pause(this.#clock, backoffMs(attempts, this.#random, this.#options.maxPauseMs), signal);
      return;
    }
    if (this.#options.onPoison === "HALT")
      throw new PoisonChangeError(change.seq, change.key, attempts, { cause });
    this.#poison.set(id, messageOf(cause));
    this.#tell({ type: "parked", change, error: cause });
  }
}

function idOf({ cause, seq, key }: AppliedChange): string {
  return `${cause} ${seq} ${textOf(key)}`;
}
