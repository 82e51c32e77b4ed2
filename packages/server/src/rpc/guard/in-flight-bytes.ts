import { limitExceeded } from "@lockstep/core";
import type { Limits } from "@lockstep/protocol";
import { connectErrorFrom } from "../errors.ts";

/** Counts the bytes of requests under way by principal, and refuses those above `max_in_flight_bytes`. */
export class InFlightBytes {
  readonly #byPrincipal = new Map<string, number>();
  readonly #maxBytes: number;

  constructor(limits: Pick<Limits, "max_in_flight_bytes">) {
    this.#maxBytes = limits.max_in_flight_bytes;
  }

  /** Starts to count for one request. */
  lease(principal: string): ByteLease {
    return new ByteLease(this, principal);
  }

  /** What a principal has under way now. */
  held(principal: string): number {
    return this.#byPrincipal.get(principal) ?? 0;
  }

  /** @throws ConnectError LIMIT_EXCEEDED when the principal would have too much under way. */
  take(principal: string, bytes: number): void {
    const held = this.held(principal) + bytes;
    if (held > this.#maxBytes) {
      throw connectErrorFrom(
        limitExceeded("max_in_flight_bytes", this.#maxBytes, "too many bytes are under way"),
      );
    }
    this.#byPrincipal.set(principal, held);
  }

  give(principal: string, bytes: number): void {
    const held = this.held(principal) - bytes;
    if (held > 0) this.#byPrincipal.set(principal, held);
    else this.#byPrincipal.delete(principal);
  }
}

/** The bytes of one request. */
export class ByteLease {
  readonly #counter: InFlightBytes;
  readonly #principal: string;
  #held = 0;
  #closed = false;

  constructor(counter: InFlightBytes, principal: string) {
    this.#counter = counter;
    this.#principal = principal;
  }

  /** @throws ConnectError LIMIT_EXCEEDED when the principal would have too much under way. */
  take(bytes: number): void {
    if (this.#closed) return;
    this.#counter.take(this.#principal, bytes);
    this.#held += bytes;
  }

  /** Gives back what some of it held. */
  give(bytes: number): void {
    const given = Math.min(bytes, this.#held);
    if (given > 0) this.#counter.give(this.#principal, given);
    this.#held -= given;
  }

  /** Gives all of it back. May be called again, and be followed by more. */
  release(): void {
    if (this.#held > 0) this.#counter.give(this.#principal, this.#held);
    this.#held = 0;
  }

  /** Gives all of it back, for good: what is still read of the request is thrown away and does not count. */
  close(): void {
    this.#closed = true;
    this.release();
  }
}
