import type { Clock } from "@lockstep/client";
import type { DriftFound } from "./drift/found.ts";
import { ReplicaClosedError } from "./errors.ts";
import type { Events, State } from "./events.ts";
import type { Holdings } from "./holdings.ts";
import { Freshness } from "./read/freshness.ts";

/** How a replica stands: what its readers, its acks and its status are told. */
export class Standing<Tx> {
  readonly freshness: Freshness;
  readonly #holdings: Holdings<Tx>;
  readonly #clock: Clock;
  readonly #events: Events;
  readonly #waiting = new Set<() => void>();
  #headSeq = 0n;
  /** What has to be applied to have caught up; undefined while nothing is followed. */
  #target: bigint | undefined;
  #drift: DriftFound | undefined;
  #suspect = false;
  #state: State = "CATCHING_UP";
  #stopped: { readonly error: Error } | undefined;
  /** Has the head asked for as soon as possible; set while there is somebody to ask. */
  askHead: (() => void) | undefined;
  /** Why nothing is followed; undefined while something is, and before the first attempt has ended. */
  disconnectedBy: unknown;
  /** Rows taken over of the snapshot under way, and about how many there are. */
  snapshot: { readonly rows: number; readonly estimate: number } | undefined;

  constructor(holdings: Holdings<Tx>, clock: Clock, events: Events) {
    this.#holdings = holdings;
    this.#clock = clock;
    this.#events = events;
    this.freshness = new Freshness(clock);
  }

  /** The highest head that was told. */
  get headSeq(): bigint {
    return this.#headSeq;
  }

  /** Drift that was found and not repaired. */
  get drift(): DriftFound | undefined {
    return this.#drift;
  }

  get state(): State {
    return this.#state;
  }

  /** Why the replica has stopped. */
  get stopped(): Error | undefined {
    return this.#stopped?.error;
  }

  /** The rows may be read. */
  get readable(): boolean {
    const { published } = this.#holdings;
    return published !== undefined && published.progress.quarantine === "";
  }

  /** The server has told of a head. */
  sawHead(seq: bigint): void {
    if (seq > this.#headSeq) this.#headSeq = seq;
  }

  /** A subscription has begun, or ended. */
  following(target: bigint | undefined): void {
    this.#target = target;
    if (target !== undefined) {
      this.#headSeq = target;
      this.disconnectedBy = undefined;
    }
    this.changed();
  }

  /** Rows are known to differ from the server's, though not yet which. */
  suspected(): void {
    this.#suspect = true;
    this.changed();
  }

  /** What is known to differ; undefined: nothing. */
  found(drift: DriftFound | undefined): void {
    this.#drift = drift;
    this.#suspect = false;
    this.changed();
  }

  stop(error: Error): void {
    this.#stopped = { error };
    this.changed();
  }

  /** Something has changed: rows, progress, or what is known of the server. */
  changed(): void {
    const { published } = this.#holdings;
    if (published && this.readable) this.freshness.applied(published.progress.cursor.seq);
    const state = this.#now();
    if (state !== this.#state) {
      this.#state = state;
      this.#events.tell({ type: "state", state });
    }
    for (const look of [...this.#waiting]) look();
  }

  /**
   * Settles with true as soon as the condition holds, with false when the time is over.
   * @throws what has stopped the replica; the signal's reason
   */
  async until(holds: () => boolean, ms: number, signal: AbortSignal | undefined): Promise<boolean> {
    signal?.throwIfAborted();
    if (holds()) return true;
    if (this.#stopped) throw this.#stopped.error;
    if (ms <= 0) return false;
    return await new Promise<boolean>((resolve, reject) => {
      const end = (settle: () => void) => {
        timer?.cancel();
        this.#waiting.delete(look);
        signal?.removeEventListener("abort", onAbort);
        settle();
      };
      const look = () => {
        if (holds()) end(() => resolve(true));
        else if (this.#stopped) end(() => reject(this.#stopped?.error ?? new ReplicaClosedError()));
      };
      const onAbort = () => end(() => reject(signal?.reason));
      const timer = Number.isFinite(ms)
        ? this.#clock.after(ms, () => end(() => resolve(false)))
        : undefined;
      this.#waiting.add(look);
      signal?.addEventListener("abort", onAbort, { once: true });
    });
  }

  #now(): State {
    const { published, letters, staged } = this.#holdings;
    if (published && !this.readable) return "QUARANTINED";
    if (letters.length > 0 || this.#drift || this.#suspect) return "DEGRADED";
    const caughtUp =
      published !== undefined &&
      !staged &&
      this.#target !== undefined &&
      published.progress.cursor.seq >= this.#target;
    return caughtUp ? "LIVE" : "CATCHING_UP";
  }
}
