import { drained } from "../ports/turns.ts";

/** Something that will happen unless it is cancelled. */
export interface Scheduled {
  cancel(): void;
}

interface Entry {
  readonly atMs: number;
  readonly order: number;
  fn: (() => void) | undefined;
  readonly calm: boolean;
}

/** More steps than this in one run mean that something goes in a circle. */
const STEPS_MAX = 400_000;

/**
 * The only source of order in a simulation: one queue of events in true time, those of the same moment in
 * the order in which they were asked for. Between two events all promise jobs run to their end.
 */
export class Scheduler {
  readonly #heap: Entry[] = [];
  #nowMs = 0;
  #order = 0;
  #steps = 0;

  /** True time, milliseconds since the beginning. No simulated clock need agree with it. */
  get nowMs(): number {
    return this.#nowMs;
  }

  /** How many events have happened. */
  get steps(): number {
    return this.#steps;
  }

  /**
   * Runs `fn` at a moment of true time.
   * @param calm `fn` starts no promise job, so that the next event may follow at once
   */
  at(atMs: number, fn: () => void, calm = false): Scheduled {
    const entry: Entry = { atMs: Math.max(atMs, this.#nowMs), order: this.#order++, fn, calm };
    this.#push(entry);
    return {
      cancel: () => {
        entry.fn = undefined;
      },
    };
  }

  /** Runs `fn` so many milliseconds of true time from now. */
  in(ms: number, fn: () => void): Scheduled {
    return this.at(this.#nowMs + ms, fn);
  }

  /** Lets events happen until a moment of true time, or until `done` says so after one of them. */
  async run(untilMs: number, done: () => boolean = () => false): Promise<void> {
    await drained();
    while (!done()) {
      const next = this.#heap[0];
      if (next === undefined || next.atMs > untilMs) {
        this.#nowMs = Math.max(this.#nowMs, untilMs);
        return;
      }
      this.#pop();
      if (next.fn === undefined) continue;
      this.#nowMs = next.atMs;
      this.#steps += 1;
      if (this.#steps > STEPS_MAX)
        throw new Error("the run never ends: something goes in a circle");
      next.fn();
      if (!next.calm) await drained();
    }
  }

  #push(entry: Entry): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >>> 1;
      const above = heap[parent] as Entry;
      if (before(above, entry)) break;
      heap[at] = above;
      at = parent;
    }
    heap[at] = entry;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop() as Entry;
    if (heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      const right = heap[child + 1];
      if (right !== undefined && before(right, heap[child] as Entry)) child += 1;
      const below = heap[child] as Entry;
      if (before(last, below)) break;
      heap[at] = below;
      at = child;
    }
    heap[at] = last;
  }
}

function before(a: Entry, b: Entry): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}
