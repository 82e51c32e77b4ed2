import type { ReplyHeader } from "@lockstep/protocol";

/**
 * The highest epoch seen in a namespace. A reply from below it comes from a server that has been
 * replaced and must be ignored.
 */
export class Epochs {
  #clusterId = "";
  #highest = 0n;
  #bound = false;

  /** The highest epoch seen. */
  get highest(): bigint {
    return this.#highest;
  }

  /** A session lives: only the data it was opened in is believed until `unbind`. */
  bind(): void {
    this.#bound = true;
  }

  /** No session lives: the server may come back with other data. */
  unbind(): void {
    this.#bound = false;
  }

  /** Says whether a reply may be believed, and remembers its epoch. */
  admit(header: ReplyHeader | undefined): boolean {
    if (!header) return false;
    if (header.clusterId !== this.#clusterId) {
      if (this.#bound) return false;
      this.#clusterId = header.clusterId;
      this.#highest = 0n;
    }
    if (header.epoch < this.#highest) return false;
    this.#highest = header.epoch;
    return true;
  }
}
