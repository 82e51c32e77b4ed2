import { write, writeSync } from "node:fs";
import type { DestinationStream } from "pino";
import type { Clock } from "../ports/clock.ts";

/** How much may wait to be written, bytes; beyond it lines are dropped. */
export const LOG_WAITING_BYTES_MAX = 1024 * 1024;

const RETRY_MS = 100;

/**
 * Writes lines to an open file one after the other, asynchronously, so that a slow reader does not stop the
 * server. What cannot be written, because the disk is full or the reader has gone, is dropped: a server
 * neither ends nor hangs for want of a log.
 */
export class LogOutput implements DestinationStream {
  readonly #file: number;
  readonly #clock: Clock;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing = false;

  /** @param file the number of an open file; it is not closed */
  constructor(file: number, clock: Clock) {
    this.#file = file;
    this.#clock = clock;
  }

  /** Takes a line, with its end. Never throws. */
  write(line: string): void {
    const bytes = Buffer.from(line);
    if (this.#waitingBytes + bytes.length > LOG_WAITING_BYTES_MAX) return;
    this.#waiting.push(bytes);
    this.#waitingBytes += bytes.length;
    if (!this.#writing) this.#writeOn(this.#take());
  }

  /** Writes at once what still waits, for the end of the process; gives up at the first failure. */
  flush(): void {
    try {
      for (let rest = this.#take(); rest.length > 0; ) {
        rest = rest.subarray(writeSync(this.#file, rest));
      }
    } catch {
      // Nobody is left to tell.
    }
  }

  #take(): Buffer {
    const taken = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    return taken;
  }

  #writeOn(bytes: Buffer): void {
    this.#writing = bytes.length > 0;
    if (!this.#writing) return;
    write(this.#file, bytes, (error, written) => {
      if (error?.code === "EAGAIN") this.#clock.after(RETRY_MS, () => this.#writeOn(bytes));
      else if (error || written === bytes.length) this.#writeOn(this.#take());
      else this.#writeOn(bytes.subarray(written));
    });
  }
}
