import type { Journal } from "../journal/journal.ts";
import type { Clock, Timer } from "../ports/clock.ts";

const LOOK_EVERY_MS = 2_000;
/** A look is also due when this part of the mark may have been written since the last one. */
const LOOK_AFTER_SHARE = 1 / 8;
/** What a batch may take on disk beyond its records: pages of the log and of the tables, some in part. */
const BATCH_OVERHEAD_BYTES = 32 * 1024;
/** How often a record is written: to the log, to its table and to what it is found by. */
const WRITES_PER_RECORD = 4;

/** Looks at the free space of the journal's disk, so that growth is refused before the disk can fail. */
export class StorageWatch {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #minFreeBytes: number;
  #timer: Timer | undefined;
  #wroteBytes = 0;
  #looking = false;
  #closed = false;
  #low = false;

  constructor(journal: Journal, clock: Clock, minFreeBytes: number) {
    this.#journal = journal;
    this.#clock = clock;
    this.#minFreeBytes = minFreeBytes;
  }

  /** Whether less than the limit was free when last looked at. */
  get low(): boolean {
    return this.#low;
  }

  /** Looks now, and from then on every while and whenever much has been written. */
  start(): void {
    this.#look();
  }

  /** Takes note of a batch whose records have so many bytes: a fast writer fills a disk between two looks. */
  wrote(bytes: number): void {
    this.#wroteBytes += bytes * WRITES_PER_RECORD + BATCH_OVERHEAD_BYTES;
    if (this.#wroteBytes >= this.#minFreeBytes * LOOK_AFTER_SHARE) this.#look();
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }

  #look(): void {
    if (this.#looking || this.#closed) return;
    this.#looking = true;
    this.#wroteBytes = 0;
    this.#timer?.cancel();
    this.#journal.freeBytes().then(
      (freeBytes) => {
        // A journal that is not on a disk has no free bytes to speak of, and needs no second look.
        if (freeBytes !== undefined) this.#looked(freeBytes < this.#minFreeBytes);
      },
      // What cannot be looked at is not known to be enough.
      () => this.#looked(true),
    );
  }

  #looked(low: boolean): void {
    this.#looking = false;
    if (this.#closed) return;
    this.#low = low;
    this.#timer = this.#clock.after(LOOK_EVERY_MS, () => this.#look());
  }
}
