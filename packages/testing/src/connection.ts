import { Code, ConnectError } from "@connectrpc/connect";
import type { UniversalClientFn } from "@connectrpc/connect/protocol";

/** The way from one client to the server, in memory. It can be cut. */
export class Connection {
  readonly #calls = new Set<AbortController>();
  readonly #onTraffic: () => void;
  #cut = false;

  /** @param onTraffic called whenever something moves on it */
  constructor(onTraffic: () => void) {
    this.#onTraffic = onTraffic;
  }

  /** Ends all calls under way, as a lost connection would, and lets no more through. */
  cut(): void {
    this.#cut = true;
    for (const call of [...this.#calls]) call.abort(lost());
  }

  /** Lets calls through again. */
  restore(): void {
    this.#cut = false;
  }

  /** Carries the calls of a client over this connection. */
  carry(server: UniversalClientFn): UniversalClientFn {
    return async (request) => {
      this.#onTraffic();
      if (this.#cut) throw lost();
      const call = new AbortController();
      const onAbort = () => call.abort(request.signal?.reason);
      if (request.signal?.aborted) onAbort();
      request.signal?.addEventListener("abort", onAbort, { once: true });
      this.#calls.add(call);
      const end = () => {
        this.#calls.delete(call);
        request.signal?.removeEventListener("abort", onAbort);
      };
      try {
        const body = request.body && this.#observed(request.body, () => undefined);
        const response = await server({ ...request, signal: call.signal, ...(body && { body }) });
        return { ...response, body: this.#observed(response.body, end) };
      } catch (error) {
        end();
        throw error;
      }
    };
  }

  async *#observed(
    chunks: AsyncIterable<Uint8Array>,
    onEnd: () => void,
  ): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    try {
      for await (const chunk of chunks) {
        this.#onTraffic();
        // As a network would: nobody shares memory with the other side.
        yield Uint8Array.from(chunk);
      }
    } finally {
      this.#onTraffic();
      onEnd();
    }
  }
}

function lost(): ConnectError {
  return new ConnectError("the test has cut the connection", Code.Unavailable);
}
