import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";
import type { TestProcess } from "./ports/test-process.ts";

type Body = AsyncIterable<Uint8Array>;

/** The way from one client to the server, in memory. It can be cut. */
export class Connection {
  readonly #calls = new Set<AbortController>();
  readonly #ends: readonly TestProcess[];
  readonly #onTraffic: () => void;
  #cut = false;

  /**
   * @param ends who is at either end: nothing arrives while one of them stands still
   * @param onTraffic called whenever something moves on it
   */
  constructor(ends: readonly TestProcess[], onTraffic: () => void) {
    this.#ends = ends;
    this.#onTraffic = onTraffic;
  }

  /** Ends all calls under way, as a lost connection would, and lets no more through. */
  cut(): void {
    this.#cut = true;
    this.end();
  }

  /** Ends all calls under way, as the end of the other process would. */
  end(): void {
    for (const call of [...this.#calls]) call.abort(lost());
  }

  /** Lets calls through again. */
  restore(): void {
    this.#cut = false;
  }

  /** Carries the calls of a client over this connection. `server` gives undefined while there is none. */
  carry(server: () => UniversalClientFn | undefined): UniversalClientFn {
    return async (request) => {
      this.#onTraffic();
      const call = new AbortController();
      const onAbort = () => call.abort(request.signal?.reason);
      if (request.signal?.aborted) onAbort();
      request.signal?.addEventListener("abort", onAbort, { once: true });
      this.#calls.add(call);
      const { signal } = call;
      const end = () => {
        this.#calls.delete(call);
        request.signal?.removeEventListener("abort", onAbort);
      };
      try {
        await this.#passes(signal);
        const answer = this.#cut ? undefined : server();
        if (!answer) throw lost();
        const body = request.body && this.#observed(request.body, signal, () => undefined);
        const response = await answer({ ...request, signal, ...(body && { body }) });
        await this.#passes(signal);
        return { ...response, body: this.#observed(response.body, signal, end) };
      } catch (error) {
        end();
        throw error;
      }
    };
  }

  async *#observed(
    chunks: Body,
    signal: AbortSignal,
    onEnd: () => void,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      for await (const chunk of chunks) {
        await this.#passes(signal);
        // As a network would: nobody shares memory with the other side.
        yield Uint8Array.from(chunk);
      }
    } finally {
      this.#onTraffic();
      onEnd();
    }
  }

  /** Waits until nobody at either end stands still. */
  async #passes(signal: AbortSignal): Promise<void> {
    this.#onTraffic();
    for (;;) {
      const still = this.#ends.map(({ standstill }) => standstill).find((one) => one);
      if (!still) return;
      await Promise.race([still, aborted(signal)]);
      signal.throwIfAborted();
      this.#onTraffic();
    }
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });
}

function lost(): ConnectError {
  return new ConnectError("the test has cut the connection", Code.Unavailable);
}
