import type { Event } from "@lockstep/protocol";
import type { Commit, History, Namespace } from "../../executor/namespace.ts";

/** Somebody who waits for an event. */
export interface Waiting {
  matches(event: Event): boolean;
  wake(): void;
}

/**
 * The last events of a namespace, shared by all its watches: a watch that has caught up reads here,
 * one that has fallen behind reads the journal. So a watch is a cursor and never a queue.
 */
export class RecentEvents {
  readonly #maxEvents: number;
  readonly #waiting = new Set<Waiting>();
  readonly #stop: () => void;
  /** A ring by arrival; `#first` is the index of the oldest. */
  #events: Event[] = [];
  #first = 0;
  /** Every event above this revision is here. */
  #after: bigint;
  #head: bigint;

  /** Keeps the last `maxEvents`. */
  constructor(namespace: Namespace, maxEvents: number) {
    this.#maxEvents = maxEvents;
    this.#after = namespace.header().revision;
    this.#head = this.#after;
    this.#stop = namespace.onCommit((commit) => this.#add(commit));
  }

  /** Whether everything above this revision is here. */
  covers(cursor: bigint): boolean {
    return cursor >= this.#after;
  }

  /** Whether nothing above this revision is known. */
  isHead(cursor: bigint): boolean {
    return cursor >= this.#head;
  }

  /** The chosen events above a covered revision, at most `maxEvents`. */
  read(cursor: bigint, matches: (event: Event) => boolean, maxEvents: number): History {
    const events: Event[] = [];
    for (let index = this.#indexAfter(cursor); index < this.#events.length; index++) {
      const event = this.#at(index);
      if (!matches(event)) continue;
      events.push(event);
      if (events.length === maxEvents) return { events, scannedTo: event.revision, more: true };
    }
    return { events, scannedTo: cursor > this.#head ? cursor : this.#head, more: false };
  }

  /** Calls `wake` once, at the next commit with an event that matches. Returns the way to stop. */
  wait(waiting: Waiting): () => void {
    this.#waiting.add(waiting);
    return () => void this.#waiting.delete(waiting);
  }

  /** Lets go of the namespace. */
  close(): void {
    this.#stop();
  }

  #add({ events, revision }: Commit): void {
    for (const event of events) {
      if (this.#events.length < this.#maxEvents) {
        this.#events.push(event);
        continue;
      }
      this.#after = this.#at(0).revision;
      this.#events[this.#first] = event;
      this.#first = (this.#first + 1) % this.#maxEvents;
    }
    this.#head = revision;
    for (const waiting of this.#waiting) {
      if (!events.some((event) => waiting.matches(event))) continue;
      this.#waiting.delete(waiting);
      waiting.wake();
    }
  }

  /** The event at a place counted from the oldest. */
  #at(index: number): Event {
    return this.#events[(this.#first + index) % this.#events.length] as Event;
  }

  /** The place of the first event above a revision. */
  #indexAfter(cursor: bigint): number {
    let low = 0;
    let high = this.#events.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#at(middle).revision <= cursor) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
