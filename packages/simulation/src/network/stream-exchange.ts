import { fromBinary } from "@bufbuild/protobuf";
import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { AttachRequestSchema } from "@lockstep/protocol";
import { principalKey } from "@lockstep/server/internal";
import type { Marks } from "../marks/marks.ts";
import { ByteQueue } from "./byte-queue.ts";
import type { Connection, Exchange, Lane } from "./connection.ts";

/** How many bytes a server may send that nobody has read yet. */
const WINDOW_BYTES = 1024;
/** Before each message of a stream: flags and length. */
const ENVELOPE_BYTES = 5;
const END_FLAG = 2;
/** What the server says to a stream that a newer one has replaced. */
const SUPERSEDED = "a newer Attach";

/** The client's side of a stream. */
export class StreamExchange implements Exchange {
  readonly response: Promise<UniversalClientResponse>;
  readonly #connection: Connection;
  readonly #request: UniversalClientRequest;
  readonly #lane: Lane = { up: 0, down: 0 };
  readonly #server: ServedStream;
  readonly #body = new ByteQueue((bytes) => this.#read(bytes));
  #resolve: (response: UniversalClientResponse) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #sending: AsyncIterator<Uint8Array> | undefined;
  #over = false;
  readonly #onAbort = () => this.#aborted();

  constructor(
    connection: Connection,
    request: UniversalClientRequest,
    principal: string,
    marks: Marks,
  ) {
    this.#connection = connection;
    this.#request = request;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#server = new ServedStream(connection, this.#lane, this, principal, marks);
    connection.atClient.add(this);
    if (request.signal?.aborted) this.#aborted();
    else request.signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  send(): void {
    if (this.#over) return;
    const { url, method, header } = this.#request;
    this.#connection.carry("up", this.#lane, () => this.#server.serve(url, method, header));
    void this.#sendBody();
  }

  /** The response has begun. */
  begun(status: number, header: Headers): void {
    this.#resolve({ status, header, body: this.#body, trailer: new Headers() });
  }

  /** More of the response. */
  arrived(chunk: Uint8Array): void {
    this.#body.push(chunk);
  }

  /** The response is complete. */
  ended(): void {
    this.#finish();
    this.#body.end();
  }

  lost(error: ConnectError): void {
    this.#finish();
    this.#reject(error);
    this.#body.end(error);
  }

  async #sendBody(): Promise<void> {
    try {
      const body = this.#request.body?.[Symbol.asyncIterator]();
      this.#sending = body;
      for (;;) {
        const next = await body?.next();
        if (this.#over) return;
        if (next === undefined || next.done) break;
        const chunk = Uint8Array.from(next.value);
        const arrive = () => this.#server.arrived(chunk);
        this.#connection.carry("up", this.#lane, arrive, this.#renews(chunk));
      }
      this.#connection.carry("up", this.#lane, () => this.#server.requestEnded());
    } catch {
      this.#aborted();
    }
  }

  #renews(chunk: Uint8Array): boolean {
    if (!this.#request.url.endsWith("/Attach")) return false;
    const { calls } = fromBinary(AttachRequestSchema, chunk.subarray(ENVELOPE_BYTES));
    return calls.some(({ request }) => request.case === "keepAlive");
  }

  #read(bytes: number): void {
    this.#connection.carry("up", this.#lane, () => this.#server.read(bytes));
  }

  #aborted(): void {
    if (this.#over) return;
    this.#finish();
    const error = this.#request.signal?.reason ?? new ConnectError("given up", Code.Canceled);
    this.#reject(error);
    this.#body.abort(error);
    this.#connection.carry("up", this.#lane, () =>
      this.#server.lost(new ConnectError("the client has gone", Code.Canceled)),
    );
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#connection.atClient.delete(this);
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#sending?.return?.()?.catch(() => {});
  }
}

/** The server's side of a stream. */
class ServedStream implements Exchange {
  readonly #connection: Connection;
  readonly #lane: Lane;
  readonly #client: StreamExchange;
  readonly #principal: string;
  readonly #marks: Marks;
  readonly #abort = new AbortController();
  readonly #body = new ByteQueue();
  #unread = 0;
  #onRoom: (() => void) | undefined;

  constructor(
    connection: Connection,
    lane: Lane,
    client: StreamExchange,
    principal: string,
    marks: Marks,
  ) {
    this.#connection = connection;
    this.#lane = lane;
    this.#client = client;
    this.#principal = principal;
    this.#marks = marks;
  }

  serve(url: string, method: string, header: Headers): void {
    this.#connection.atServer.add(this);
    void this.#serve(url, method, header);
  }

  arrived(chunk: Uint8Array): void {
    this.#body.push(chunk);
  }

  requestEnded(): void {
    this.#body.end();
  }

  /** The client has read so much. */
  read(bytes: number): void {
    this.#unread -= bytes;
    if (this.#unread < WINDOW_BYTES) this.#onRoom?.();
  }

  lost(error: ConnectError): void {
    this.#connection.atServer.delete(this);
    this.#abort.abort(error);
    this.#body.abort(error);
    this.#onRoom?.();
  }

  async #serve(url: string, method: string, header: Headers): Promise<void> {
    const connection = this.#connection;
    const handler = connection.port.handler(new URL(url).pathname);
    if (handler === undefined) throw new Error(`nobody handles ${url}`);
    const contextValues = createContextValues();
    contextValues.set(principalKey, this.#principal);
    const { signal } = this.#abort;
    const request = {
      httpVersion: "2",
      url,
      method,
      header: new Headers(header),
      body: this.#body,
      signal,
      contextValues,
    };
    try {
      const response = await handler(request);
      const responseHeader = new Headers(response.header);
      connection.carry("down", this.#lane, () =>
        this.#client.begun(response.status, responseHeader),
      );
      for await (const chunk of response.body ?? []) {
        if (signal.aborted) break;
        await this.#send(Uint8Array.from(chunk));
      }
      connection.carry("down", this.#lane, () => this.#client.ended());
    } catch {
      // The stream was given up or its connection cut: there is nobody to tell.
    } finally {
      connection.atServer.delete(this);
    }
  }

  async #send(chunk: Uint8Array): Promise<void> {
    if (isEnd(chunk) && Buffer.from(chunk).includes(SUPERSEDED)) {
      this.#marks.hit("Attach superseded");
    }
    this.#unread += chunk.byteLength;
    this.#connection.carry("down", this.#lane, () => this.#client.arrived(chunk));
    if (this.#unread < WINDOW_BYTES) return;
    this.#marks.hit("server waits for a slow reader");
    await new Promise<void>((resolve) => {
      this.#onRoom = resolve;
    });
    this.#onRoom = undefined;
  }
}

/** The flags of an envelope say whether it is the last one of a stream. */
function isEnd(chunk: Uint8Array): boolean {
  return ((chunk[0] ?? 0) & END_FLAG) !== 0;
}
