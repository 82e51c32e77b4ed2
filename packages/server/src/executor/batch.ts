import type { RowWrite } from "@lockstep/core";
import type { Event } from "@lockstep/protocol";

/** From so many rows on to write them takes longer than the commit that they have to themselves; events are soon written. */
const ROWS_WORTH_A_COMMIT = 32;
/** How many events a batch holds before the next one is begun. A single operation may exceed it. */
export const BATCH_EVENTS_MAX = 8_192;
/** About how many bytes of rows, likewise: far below what a journal takes at once. */
const BATCH_BYTES_MAX = 16 * 1024 * 1024;

/** Decided events on their way into the journal, what they write, and the replies that wait for them. */
export interface FullBatch {
  readonly events: readonly Event[];
  readonly rows: readonly RowWrite[];
  readonly replies: (() => void)[];
}

/** The batch that is being collected. */
export class Batch {
  #events: Event[] = [];
  #rows: RowWrite[] = [];
  #replies: (() => void)[] = [];
  #bytes = 0;

  get isEmpty(): boolean {
    return this.#events.length === 0;
  }

  /** Whether it is worth a commit of its own for a journal that would wait otherwise: it writes while the rest is decided. */
  get isWorthwhile(): boolean {
    return this.#rows.length >= ROWS_WORTH_A_COMMIT;
  }

  get isFull(): boolean {
    return this.#events.length >= BATCH_EVENTS_MAX || this.#bytes >= BATCH_BYTES_MAX;
  }

  add(event: Event, rows: readonly RowWrite[]): void {
    this.#events.push(event);
    for (const write of rows) {
      this.#rows.push(write);
      if (write.kind === "change")
        this.#bytes += write.change.key.length + write.change.value.length;
    }
  }

  addReply(reply: () => void): void {
    this.#replies.push(reply);
  }

  /** Gives what was collected, and begins the next one. */
  take(): FullBatch {
    const full = { events: this.#events, rows: this.#rows, replies: this.#replies };
    this.#events = [];
    this.#rows = [];
    this.#replies = [];
    this.#bytes = 0;
    return full;
  }
}
