import { type Clock, systemClock, type Timer } from "../ports/clock.ts";
import { MakerThread } from "./maker-thread.ts";

/** How long a thread that has nothing to do is kept. */
export const KEPT_MS = 60_000;

/** Above how large a snapshot, bytes, its thread is not kept: its end gives back the memory of the state. */
export const KEPT_BYTES_MAX = 16 * 1024 * 1024;

/**
 * The threads in which the namespaces of a server make their snapshots: one works at a time, and the last one is kept
 * for the next snapshot while these come soon after one another. A new thread compiles and optimizes its
 * code anew.
 */
export class MakerThreads {
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #kept: MakerThread | undefined;
  #idle: Timer | undefined;

  constructor(clock: Clock = systemClock) {
    this.#clock = clock;
  }

  /** Runs `work` when all before it have ended, in the order of asking. */
  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }

  /** The thread that was kept, or a new one. */
  thread(): MakerThread {
    const kept = this.#release();
    return kept?.isUsable ? kept : new MakerThread();
  }

  /** Keeps a thread that has made a snapshot of so many bytes for the next one who works, or ends it. */
  async keep(thread: MakerThread, bytes: number): Promise<void> {
    if (bytes > KEPT_BYTES_MAX) return thread.end();
    this.#kept = thread;
    this.#idle = this.#clock.after(KEPT_MS, () => this.endKept());
  }

  /** Ends the thread that is kept, if there is one. */
  endKept(): void {
    void this.#release()?.end();
  }

  #release(): MakerThread | undefined {
    const kept = this.#kept;
    this.#kept = undefined;
    this.#idle?.cancel();
    return kept;
  }
}
