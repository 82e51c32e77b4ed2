import { createClient, type Transport } from "@connectrpc/connect";
import { type Event, LockService } from "@lockstep/protocol";
import { backoffMs } from "./backoff.ts";
import { faultOf, isOpen, requestError } from "./calls/fault.ts";
import { ServerUnreachableError } from "./errors.ts";
import { pause } from "./pause.ts";
import { type Clock, elapsedMs, instantOf } from "./ports/clock.ts";
import type { Random } from "./ports/random.ts";
import { type EventSelection, filterOf } from "./reads.ts";
import type { Epochs } from "./session/epochs.ts";

/** What to watch. */
export interface WatchOptions extends EventSelection {
  /** Start with the event after this revision. Default: with the first one after reading has started. */
  readonly afterRevision?: bigint;
  /** Ends the watch: it rejects with the signal's reason. */
  readonly signal?: AbortSignal;
}

/** What a watch needs. */
export interface WatchParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly transport: Transport;
  readonly epochs: Epochs;
  readonly namespace: string;
  readonly address: string;
  readonly connectTimeoutMs: number;
  /** The revision of the last event at present. */
  readonly head: (signal: AbortSignal) => Promise<bigint>;
  /** Aborted when the client is closed. */
  readonly closed: AbortSignal;
}

/**
 * Events by rising revision, without gap or repetition, also over lost connections and restarts of the server.
 * Ends when the client is closed.
 */
export async function* watchEvents(
  parts: WatchParts,
  options: WatchOptions,
): AsyncGenerator<Event, void, undefined> {
  const { signal } = options;
  signal?.throwIfAborted();
  const stop = new AbortController();
  const onStop = () => stop.abort();
  signal?.addEventListener("abort", onStop, { once: true });
  parts.closed.addEventListener("abort", onStop, { once: true });
  if (parts.closed.aborted) stop.abort();
  try {
    yield* new Watch(parts, options, stop.signal).events();
  } catch (error) {
    if (!stop.signal.aborted) throw error;
  } finally {
    stop.abort();
    signal?.removeEventListener("abort", onStop);
    parts.closed.removeEventListener("abort", onStop);
  }
  signal?.throwIfAborted();
}

class Watch {
  readonly #parts: WatchParts;
  readonly #options: WatchOptions;
  readonly #stop: AbortSignal;
  #cursor: bigint | undefined;
  #failures = 0;
  #everAnswered = false;

  constructor(parts: WatchParts, options: WatchOptions, stop: AbortSignal) {
    this.#parts = parts;
    this.#options = options;
    this.#stop = stop;
    this.#cursor = options.afterRevision;
  }

  async *events(): AsyncGenerator<Event, void, undefined> {
    const { clock, random, connectTimeoutMs, address } = this.#parts;
    const since = instantOf(clock);
    while (!this.#stop.aborted) {
      try {
        // Asked for before the stream: "from now" must mean the same when the first stream is cut before its first bookmark.
        this.#cursor ??= await this.#parts.head(this.#stop);
        yield* this.#stream(this.#cursor);
      } catch (error) {
        if (this.#stop.aborted) return;
        const fault = faultOf(error);
        if (!(error instanceof ServerUnreachableError) && !isOpen(fault)) {
          throw fault.reason === undefined ? error : requestError(fault);
        }
        if (!this.#everAnswered && elapsedMs(clock, since) >= connectTimeoutMs) {
          throw error instanceof ServerUnreachableError
            ? error
            : new ServerUnreachableError(address, { cause: error });
        }
      }
      this.#failures += 1;
      await pause(clock, backoffMs(this.#failures, random), this.#stop);
    }
  }

  async *#stream(afterRevision: bigint): AsyncGenerator<Event, void, undefined> {
    const { transport, namespace, epochs } = this.#parts;
    const request = { namespace, filter: filterOf(this.#options), afterRevision };
    const responses = createClient(LockService, transport).watch(request, { signal: this.#stop });
    for await (const { header, events } of responses) {
      if (this.#stop.aborted) return;
      // A server that has been replaced: what it says may not be the history.
      if (!epochs.admit(header)) return;
      this.#everAnswered = true;
      this.#failures = 0;
      for (const event of events) {
        if (event.revision <= (this.#cursor ?? 0n)) continue;
        this.#cursor = event.revision;
        yield event;
      }
      const bookmark = header?.revision ?? 0n;
      if (bookmark > (this.#cursor ?? 0n)) this.#cursor = bookmark;
    }
  }
}
