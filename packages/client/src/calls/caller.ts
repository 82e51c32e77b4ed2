import type { ReplyHeader } from "@lockstep/protocol";
import type { Activity } from "../activity.ts";
import { ServerUnreachableError } from "../errors.ts";
import type { Clock } from "../ports/clock.ts";
import type { Epochs } from "../session/epochs.ts";
import { withTimeout } from "../timeout.ts";
import { faultOf, requestError } from "./fault.ts";

/** Ends a call early: it rejects with the signal's reason. */
export interface CallOptions {
  readonly signal?: AbortSignal;
}

/** What calls outside the session need. */
export interface CallerParts {
  readonly clock: Clock;
  readonly activity: Activity;
  readonly epochs: Epochs;
  readonly address: string;
  readonly timeoutMs: number;
}

/** How one call differs from the others. */
interface OnceOptions extends CallOptions {
  /** How long to look for an answer, milliseconds. Default: that of all calls. */
  readonly timeoutMs?: number;
}

type Call<R> = (signal: AbortSignal) => Promise<R>;

/**
 * Makes calls outside the session. Each is made once; it rejects with RequestError when refused, with
 * ServerUnreachableError when there is no answer.
 */
export class Caller {
  readonly #parts: CallerParts;

  constructor(parts: CallerParts) {
    this.#parts = parts;
  }

  /** A call about the client's namespace: only a server that has not been replaced is believed. */
  async call<R extends { header?: ReplyHeader | undefined }>(
    options: OnceOptions,
    call: Call<R>,
  ): Promise<R> {
    const reply = await this.once(options, call);
    const { address, epochs } = this.#parts;
    if (epochs.admit(reply.header)) return reply;
    const cause = new Error("a server answered that has been replaced since");
    throw new ServerUnreachableError(address, { cause });
  }

  /** A call about the server itself or another namespace. */
  async once<R>(options: OnceOptions, call: Call<R>): Promise<R> {
    const { signal, timeoutMs = this.#parts.timeoutMs } = options;
    const { clock, address, activity } = this.#parts;
    const idle = activity.begin();
    try {
      return await withTimeout(clock, timeoutMs, signal, call);
    } catch (error) {
      signal?.throwIfAborted();
      const fault = faultOf(error);
      if (fault.reason !== undefined) throw requestError(fault);
      throw new ServerUnreachableError(address, { cause: error });
    } finally {
      idle();
    }
  }
}
