/** What falls due at some moment. */
export type DueKind =
  | "lease"
  | "wait"
  | "maxHold"
  | "delay"
  | "servedTime"
  | "forget"
  | "grantPause"
  | "checkpoint"
  | "replicaLease"
  | "replicationWait";

/** A reminder to look at something; whether it is really due is decided by looking. */
export interface Due {
  readonly atMs: number;
  readonly kind: DueKind;
  /** The session, ticket, hold, dataset or wait for replicas to look at; 0 for the namespace. */
  readonly id: bigint;
}

/**
 * Reminders by time, a binary heap. A single reminder is never taken back: a deadline that moved or
 * went is found out when its reminder comes up. So a renewal costs nothing here.
 */
export class DueQueue {
  #heap: Due[] = [];

  /** How many reminders there are, of what is over too. */
  get size(): number {
    return this.#heap.length;
  }

  /** When the next reminder comes up; undefined when there is none. */
  get nextAtMs(): number | undefined {
    return this.#heap[0]?.atMs;
  }

  /** Adds a reminder. */
  add(due: Due): void {
    const heap = this.#heap;
    let at = heap.length;
    while (at > 0) {
      const parentAt = (at - 1) >> 1;
      const parent = heap[parentAt] as Due;
      if (parent.atMs <= due.atMs) break;
      heap[at] = parent;
      at = parentAt;
    }
    heap[at] = due;
  }

  /** Takes the next reminder that has come up by `nowMs`; undefined when none has. */
  take(nowMs: number): Due | undefined {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined || first.atMs > nowMs) return undefined;
    const last = heap.pop() as Due;
    if (heap.length > 0) this.#sink(last);
    return first;
  }

  /** Drops all reminders but those that `matters` says yes to. */
  retain(matters: (due: Due) => boolean): void {
    const kept = this.#heap.filter(matters);
    this.#heap = [];
    for (const due of kept) this.add(due);
  }

  #sink(due: Due): void {
    const heap = this.#heap;
    let at = 0;
    for (;;) {
      let childAt = 2 * at + 1;
      const left = heap[childAt];
      if (left === undefined) break;
      const right = heap[childAt + 1];
      const child = right !== undefined && right.atMs < left.atMs ? right : left;
      if (child === right) childAt += 1;
      if (due.atMs <= child.atMs) break;
      heap[at] = child;
      at = childAt;
    }
    heap[at] = due;
  }
}
