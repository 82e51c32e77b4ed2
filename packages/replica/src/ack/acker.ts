import type { Clock, Fields, ReplicationLink, Timer } from "@lockstep/client";
import type { AckRequestSchema } from "@lockstep/protocol";
import type { Freshness } from "../read/freshness.ts";

/** An ack is sent again after so long although nothing has changed, milliseconds. */
const INTERVAL_MS = 1_000;
/** An ack that is not answered within this time is given up; the next one says more. */
const TIMEOUT_MS = 3_000;
/** How long a replica that is closed may try to say so, milliseconds. */
const LEAVE_MS_MAX = 1_000;

/** What an acker tells, and whom. */
export interface AckerParts {
  readonly link: Pick<ReplicationLink, "ack">;
  readonly clock: Clock;
  readonly freshness: Freshness;
  /** What an ack says now: only what is durable. */
  readonly request: () => Fields<typeof AckRequestSchema>;
  /** The server has told of its head. */
  readonly answered: (headSeq: bigint) => void;
  /** An ack was refused, or not answered. */
  readonly failed: (error: unknown) => void;
}

/**
 * Tells the server how far the replica is, as long as a subscription lasts: as soon as that changes, and each second.
 * One ack is under way at a time, so that each says at least as much as the one before it.
 */
export class Acker {
  readonly #parts: AckerParts;
  readonly #stop = new AbortController();
  #underWay = false;
  /** The last ack that was begun; settles when it is over. */
  #sending: Promise<void> | undefined;
  #again = false;
  /** The last ack was answered. */
  #isHeard = false;
  #timer: Timer | undefined;

  constructor(parts: AckerParts) {
    this.#parts = parts;
    this.kick();
  }

  /** There is something to tell, or somebody wants to know the head. */
  kick(): void {
    if (this.#stop.signal.aborted) return;
    if (this.#underWay) this.#again = true;
    else this.#sending = this.#send();
  }

  stop(): void {
    this.#stop.abort();
    this.#timer?.cancel();
  }

  /**
   * Stops, and tells the server that the replica does: otherwise appends wait for it until its lease is over. Settles
   * when that was answered, or soon after all the same. A server that did not answer before is told nothing.
   */
  async leave(): Promise<void> {
    const { link, clock, request } = this.#parts;
    const before = this.#sending;
    const wasHeard = this.#isHeard;
    this.stop();
    if (!wasHeard) return;
    const tooLong = new AbortController();
    const { signal } = tooLong;
    const gone = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()));
    const timer = clock.after(LEAVE_MS_MAX, () => tooLong.abort());
    const said = async () => {
      await before;
      if (signal.aborted) return;
      await link.ack({ ...request(), leaving: true }, { signal, timeoutMs: LEAVE_MS_MAX });
    };
    await Promise.race([said().catch(() => {}), gone]);
    timer.cancel();
  }

  async #send(): Promise<void> {
    const { link, clock, freshness, request, answered, failed } = this.#parts;
    const { signal } = this.#stop;
    this.#timer?.cancel();
    this.#underWay = true;
    this.#again = false;
    const take = freshness.ask();
    try {
      const { headSeq } = await link.ack(request(), { signal, timeoutMs: TIMEOUT_MS });
      if (signal.aborted) return;
      this.#isHeard = true;
      take(headSeq);
      answered(headSeq);
    } catch (error) {
      if (signal.aborted) return;
      this.#isHeard = false;
      failed(error);
      // What it was to tell is told with the next one, and not at once: the way there may be closed.
      this.#again = false;
    } finally {
      this.#underWay = false;
    }
    if (signal.aborted) return;
    if (this.#again) this.kick();
    else this.#timer = clock.after(INTERVAL_MS, () => this.kick());
  }
}
