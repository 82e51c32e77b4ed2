import type { Limits } from "@lockstep/protocol";
import type { JournalSnapshot } from "../journal/journal.ts";
import type { Clock } from "../ports/clock.ts";
import type { StateCodec } from "./codec.ts";
import { rebuildState, type StateSource } from "./rebuild.ts";

/** Makes snapshots away from the state that is being served. */
export interface SnapshotMaker {
  /**
   * Rebuilds a state and gives it to `use` as a snapshot, whose chunks are made when they are taken.
   * Settles, with everything given back, when `use` has. One at a time.
   */
  make(source: StateSource, use: (snapshot: JournalSnapshot) => Promise<void>): Promise<void>;
  /** Gives up what is under way, which then fails. */
  close(): void;
}

/**
 * Makes snapshots on the event loop, a page or a chunk at a turn: for journals in memory, tests and
 * virtual time.
 */
export class InProcessMaker implements SnapshotMaker {
  readonly #limits: Limits;
  readonly #codec: StateCodec;
  readonly #clock: Clock;
  #closed = false;

  constructor(limits: Limits, codec: StateCodec, clock: Clock) {
    this.#limits = limits;
    this.#codec = codec;
    this.#clock = clock;
  }

  async make(
    { snapshot, pages }: StateSource,
    use: (snapshot: JournalSnapshot) => Promise<void>,
  ): Promise<void> {
    const paced = { snapshot, pages: this.#paced(pages) };
    const { state } = await rebuildState(paced, this.#limits, this.#codec);
    const { revision, epoch } = state;
    await use({ revision, epoch, chunks: this.#paced(this.#codec.encode(state)) });
  }

  close(): void {
    this.#closed = true;
  }

  async *#paced<T>(items: Iterable<T> | AsyncIterable<T>): AsyncGenerator<T> {
    for await (const item of items) {
      await new Promise<void>((resolve) => this.#clock.afterTurn(resolve));
      if (this.#closed) throw new Error("no snapshot is made any more: the namespace was closed");
      yield item;
    }
  }
}
