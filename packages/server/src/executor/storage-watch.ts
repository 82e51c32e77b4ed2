import type { Journal } from "../journal/journal.ts";
import type { Clock, Timer } from "../ports/clock.ts";

const LOOK_EVERY_MS = 2_000;

/** Looks at the free space of the journal's disk, so that growth is refused before the disk can fail. */
export class StorageWatch {
  readonly #journal: Journal;
  readonly #clock: Clock;
  readonly #minFreeBytes: number;
  #timer: Timer | undefined;
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

  /** Looks now and from time to time. */
  start(): void {
    this.#journal.freeBytes().then(
      (freeBytes) => {
        // A journal that is not on a disk has no free bytes to speak of, and needs no second look.
        if (freeBytes === undefined || this.#closed) return;
        this.#low = freeBytes < this.#minFreeBytes;
        this.#timer = this.#clock.after(LOOK_EVERY_MS, () => this.start());
      },
      () => {
        // What cannot be looked at is not known to be enough.
        this.#low = true;
        if (!this.#closed) this.#timer = this.#clock.after(LOOK_EVERY_MS, () => this.start());
      },
    );
  }

  close(): void {
    this.#closed = true;
    this.#timer?.cancel();
  }
}
