import { closeSync, fstatSync, openSync, writeSync } from "node:fs";
import { errorCode } from "../../data-folder/private-files.ts";

/** How much room is made at once, bytes. */
export const LOG_ROOM_STEP = 256 * 1024;

const NO_ROOM_CODES = new Set(["ENOSPC", "EDQUOT", "ENOENT"]);
const ZEROS = new Uint8Array(LOG_ROOM_STEP);

/**
 * Makes room in the write-ahead log before it is needed: a commit that makes the file longer has to sync
 * its length as well, which takes about as long again as syncing what is in it. Room is zeros after all
 * that was ever written, which is what SQLite takes for the end of a log. Where the disk has no place for
 * it, there is none, and commits are slower.
 */
export class LogRoom {
  readonly #path: string;
  #length = 0;

  constructor(path: string) {
    this.#path = path;
  }

  /** Sees that the log has this length. The next commit syncs it. */
  ensure(length: number): void {
    if (length <= this.#length) return;
    this.#length = length;
    try {
      this.#grow(length);
    } catch (error) {
      if (!NO_ROOM_CODES.has(errorCode(error) ?? "")) throw error;
    }
  }

  #grow(length: number): void {
    const descriptor = openSync(this.#path, "r+");
    try {
      let { size } = fstatSync(descriptor);
      while (size < length) size += writeSync(descriptor, ZEROS, 0, LOG_ROOM_STEP, size);
      this.#length = size;
    } finally {
      closeSync(descriptor);
    }
  }
}
