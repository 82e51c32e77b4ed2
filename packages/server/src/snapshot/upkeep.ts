import {
  type Journal,
  JournalDeposedError,
  type JournalSnapshot,
  JournalUnknownError,
} from "../journal/journal.ts";
import { smaller } from "../journal/lineage.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import type { SnapshotMaker } from "./maker.ts";
import { sourceOf } from "./rebuild.ts";
import { type Retention, unwantedUpTo } from "./retention.ts";

/** When a snapshot is made and what is kept beside it. */
export interface UpkeepPolicy extends Retention {
  /** A snapshot is made after this many events, or as many as there are live objects if that is more. */
  readonly snapshotEvents: number;
}

/** What is needed to keep a journal bounded. */
export interface UpkeepOptions {
  readonly policy: UpkeepPolicy;
  readonly maker: SnapshotMaker;
  /** Called with what people should know, one sentence each: for the log. */
  readonly onNotice: (sentence: string) => void;
}

/** What of a state a snapshot takes its size from. */
export type LiveObjects = {
  readonly [Kind in "sessions" | "holds" | "tickets" | "delays"]: { readonly size: number };
};

/** The journal it is about, and what the executor knows of it. */
export interface UpkeepParts extends UpkeepOptions {
  readonly journal: Journal;
  readonly clock: Clock;
  /** Free bytes that must be left, the namespace's limit. */
  readonly minFreeBytes: number;
  /** How many events follow the journal's snapshot. */
  readonly eventsSinceSnapshot: number;
}

/** How soon a snapshot that failed is tried again, and how seldom at most. */
export const retryMs = { first: 10_000, max: 600_000 } as const;

/**
 * How often old history is looked for while too little happens for a snapshot: four times while an event
 * gets old, within these bounds.
 */
export const lookForOldMs = { least: 60_000, most: 3_600_000 } as const;

/** About how many bytes an object takes in a snapshot, with room to spare. */
const OBJECT_BYTES = 1_024;

/** About how many bytes of a snapshot an event pays for: as many as it has itself. */
const EVENT_BYTES = 256;

/**
 * Keeps a journal bounded: when enough has happened since the last snapshot it has another one made,
 * and drops the history that nobody wants and the snapshot covers. All of it goes on beside the
 * namespace; that it fails is logged and it is tried again, unless the journal itself has failed.
 */
export class Upkeep {
  readonly #parts: UpkeepParts;
  #eventsSinceSnapshot: number;
  #liveObjects = 0;
  /** The size of the last snapshot, 0 while this process has made none. */
  #snapshotBytes = 0;
  #onJournalFailed: (error: Error) => void = () => undefined;
  #running = false;
  #closed = false;
  #retry: Timer | undefined;
  #retryAfterMs: number = retryMs.first;
  #lookForOld: Timer | undefined;

  constructor(parts: UpkeepParts) {
    this.#parts = parts;
    this.#eventsSinceSnapshot = parts.eventsSinceSnapshot;
  }

  /** Begins. `onJournalFailed` is called when nothing can be written any more. */
  start(onJournalFailed: (error: Error) => void): void {
    this.#onJournalFailed = onJournalFailed;
    this.#planLook();
  }

  /** Counts a durable batch. */
  committed(events: number, { sessions, holds, tickets, delays }: LiveObjects): void {
    this.#eventsSinceSnapshot += events;
    this.#liveObjects = sessions.size + holds.size + tickets.size + delays.size;
    if (this.#isDue() && this.#retry === undefined) this.#run();
  }

  /** Gives up what is under way and does nothing more. */
  close(): void {
    this.#closed = true;
    this.#retry?.cancel();
    this.#lookForOld?.cancel();
    this.#parts.maker.close();
  }

  #isDue(): boolean {
    const { snapshotEvents } = this.#parts.policy;
    // In proportion to what a snapshot costs: sessions remember more than is live.
    const cost = Math.max(this.#liveObjects, this.#snapshotBytes / EVENT_BYTES);
    return this.#eventsSinceSnapshot >= Math.max(snapshotEvents, cost);
  }

  #run(): void {
    if (this.#running || this.#closed) return;
    this.#running = true;
    this.#snapshotAndCompact().then(
      () => this.#ended(),
      (error: unknown) => this.#failed(error),
    );
  }

  async #snapshotAndCompact(): Promise<void> {
    await this.#checkRoom();
    await this.#snapshot();
    await this.#compact();
  }

  async #checkRoom(): Promise<void> {
    const { journal, minFreeBytes } = this.#parts;
    const free = await journal.freeBytes();
    const room = Math.max(this.#liveObjects * OBJECT_BYTES, 2 * this.#snapshotBytes);
    const needed = minFreeBytes + room;
    if (free === undefined || free >= needed) return;
    throw new Error(`${free} bytes are free where the journal writes, ${needed} are needed`);
  }

  async #snapshot(): Promise<void> {
    const { journal, maker } = this.#parts;
    const covered = this.#eventsSinceSnapshot;
    let bytes = 0;
    await maker.make(await sourceOf(journal), ({ chunks, ...position }) => {
      const counted = counting(chunks, (length) => {
        bytes += length;
      });
      return journal.writeSnapshot({ ...position, chunks: counted });
    });
    this.#snapshotBytes = bytes;
    this.#eventsSinceSnapshot -= covered;
  }

  async #compact(): Promise<void> {
    const { journal, policy, clock } = this.#parts;
    const { snapshot = 0n } = journal.state();
    const unwanted = await unwantedUpTo(journal, policy, clock.unixMs());
    if (this.#closed) return;
    await journal.compact(smaller(unwanted, snapshot));
  }

  /** History that is too old goes even where too little happens for a snapshot. */
  async #dropOld(): Promise<void> {
    const { journal, policy, clock } = this.#parts;
    const unwanted = await unwantedUpTo(journal, policy, clock.unixMs());
    const { floor, snapshot = 0n } = journal.state();
    if (unwanted > snapshot) await this.#snapshotAndCompact();
    else if (unwanted > floor) await this.#compact();
  }

  #planLook(): void {
    const { historyAgeMs } = this.#parts.policy;
    const everyMs = Math.max(lookForOldMs.least, Math.min(historyAgeMs / 4, lookForOldMs.most));
    this.#lookForOld = this.#parts.clock.after(everyMs, () => {
      this.#planLook();
      if (this.#running || this.#closed || this.#retry !== undefined) return;
      this.#running = true;
      this.#dropOld().then(
        () => this.#ended(),
        (error: unknown) => this.#failed(error),
      );
    });
  }

  #ended(): void {
    this.#running = false;
    this.#retryAfterMs = retryMs.first;
    if (this.#isDue()) this.#run();
  }

  #failed(error: unknown): void {
    this.#running = false;
    if (this.#closed) return;
    if (error instanceof JournalUnknownError || error instanceof JournalDeposedError) {
      this.#onJournalFailed(error);
      return;
    }
    const why = error instanceof Error ? error.message : String(error);
    const { onNotice, clock } = this.#parts;
    onNotice(
      `No snapshot of the journal could be made (${why}); it grows until one is. The next attempt is in ${this.#retryAfterMs / 1_000} s.`,
    );
    this.#retry = clock.after(this.#retryAfterMs, () => {
      this.#retry = undefined;
      this.#run();
    });
    this.#retryAfterMs = Math.min(2 * this.#retryAfterMs, retryMs.max);
  }
}

async function* counting(
  chunks: JournalSnapshot["chunks"],
  count: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    count(chunk.length);
    yield chunk;
  }
}
