import { createClient, type Transport } from "@connectrpc/connect";
import { type OpenSessionResponse, SessionService } from "@lockstep/protocol";
import { backoffMs } from "../backoff.ts";
import { faultOf, isOpen, requestError, sessionEnd } from "../calls/fault.ts";
import { pause } from "../pause.ts";
import { type Clock, elapsedMs, instantOf } from "../ports/clock.ts";
import type { Random } from "../ports/random.ts";
import { withTimeout } from "../timeout.ts";
import type { Epochs } from "./epochs.ts";
import { Lease, leaseMs } from "./lease.ts";

/** How long one attempt to open a session may take. */
export const OPEN_ATTEMPT_TIMEOUT_MS = 5_000;
const SECRET_BYTES = 32;

/** What a session is opened with. */
export interface OpenParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly controlTransport: Transport;
  readonly epochs: Epochs;
  readonly namespace: string;
  readonly ttlMs: number;
  readonly displayName: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A session that is open. */
export interface Opened {
  readonly sessionId: bigint;
  readonly secret: Uint8Array;
  readonly lease: Lease;
}

/** Opens a session; repeated, with the same secret while that may still succeed, until the server has answered. */
export class Opener {
  readonly #parts: OpenParts;
  readonly #stop = new AbortController();
  #lastError: unknown;

  constructor(parts: OpenParts) {
    this.#parts = parts;
  }

  /** Why the last attempt failed. */
  get lastError(): unknown {
    return this.#lastError;
  }

  /** Gives up. A session that was opened meanwhile is left to expire. */
  stop(): void {
    this.#stop.abort();
  }

  /** @throws RequestError if the server refuses for good; the signal's reason after `stop` */
  async open(): Promise<Opened> {
    const { clock, random, ttlMs } = this.#parts;
    for (let failures = 1; ; failures++) {
      const secret = random.bytes(SECRET_BYTES);
      const firstAttempt = instantOf(clock);
      // A repeat adds no time. When none is left, the session that may have been opened is left to expire.
      while (elapsedMs(clock, firstAttempt) < leaseMs(ttlMs)) {
        const reply = await this.#attempt(secret);
        if (typeof reply === "object") {
          const lease = new Lease(clock, Number(reply.ttlMs), firstAttempt);
          if (lease.remainingMs() === 0) break;
          return { sessionId: reply.sessionId, secret, lease };
        }
        await pause(clock, backoffMs(failures, random), this.#stop.signal);
        this.#stop.signal.throwIfAborted();
        failures += 1;
        if (reply === "ended") break;
      }
    }
  }

  async #attempt(secret: Uint8Array): Promise<OpenSessionResponse | "again" | "ended"> {
    const { clock, controlTransport, epochs, namespace, ttlMs, displayName, metadata } =
      this.#parts;
    const request = { namespace, secret, ttlMs: BigInt(ttlMs), displayName, metadata };
    const service = createClient(SessionService, controlTransport);
    try {
      const reply = await withTimeout(clock, OPEN_ATTEMPT_TIMEOUT_MS, this.#stop.signal, (signal) =>
        service.openSession(request, { signal }),
      );
      return epochs.admit(reply.header) ? reply : "again";
    } catch (error) {
      this.#stop.signal.throwIfAborted();
      this.#lastError = error;
      const fault = faultOf(error);
      if (sessionEnd(fault)) return "ended";
      if (isOpen(fault)) return "again";
      throw requestError(fault);
    }
  }
}
