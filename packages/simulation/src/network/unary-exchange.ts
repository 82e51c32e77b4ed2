import { Code, ConnectError, createContextValues } from "@connectrpc/connect";
import type { UniversalClientRequest, UniversalClientResponse } from "@connectrpc/connect/protocol";
import { principalKey } from "@lockstep/server/internal";
import { ByteQueue, collected } from "./byte-queue.ts";
import type { Connection, Exchange, Lane } from "./connection.ts";
import type { ServerPort } from "./network.ts";

/** A unary request as it travels. */
export interface UnaryMessage {
  readonly url: string;
  readonly method: string;
  readonly header: Headers;
  readonly body: Uint8Array;
  readonly principal: string;
}

/** A reply as it travels. */
interface UnaryReply {
  readonly status: number;
  readonly header: Headers;
  readonly body: Uint8Array;
}

/** The client's side of a unary call. */
export class UnaryExchange implements Exchange {
  readonly response: Promise<UniversalClientResponse>;
  readonly #connection: Connection;
  readonly #message: UnaryMessage;
  readonly #signal: AbortSignal | undefined;
  readonly #lane: Lane = { up: 0, down: 0 };
  readonly #server: ServedUnary;
  #resolve: (response: UniversalClientResponse) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  readonly #onAbort = () => this.#aborted();

  constructor(connection: Connection, message: UnaryMessage, request: UniversalClientRequest) {
    this.#connection = connection;
    this.#message = message;
    this.#signal = request.signal;
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#server = new ServedUnary(connection.port, message, (reply) => {
      connection.atServer.delete(this.#server);
      connection.carry("down", this.#lane, () => this.#answered(reply));
    });
    connection.atClient.add(this);
    if (this.#signal?.aborted) this.#aborted();
    else this.#signal?.addEventListener("abort", this.#onAbort, { once: true });
  }

  /** @param loss what gets lost on the way, if anything */
  send(loss?: "request" | "response"): void {
    const connection = this.#connection;
    if (loss === "request") return;
    const arrive = () => {
      connection.atServer.add(this.#server);
      this.#server.serve();
      if (loss === "response") this.#server.drop();
    };
    connection.carry("up", this.#lane, arrive, this.#message.url.endsWith("/KeepAlive"));
  }

  /** The call fails at the client, as when something between the two gives up. */
  fail(why: string): void {
    this.lost(new ConnectError(why, Code.Unavailable));
  }

  lost(error: ConnectError): void {
    this.#over();
    this.#reject(error);
  }

  #answered({ status, header, body }: UnaryReply): void {
    this.#over();
    const bytes = new ByteQueue();
    bytes.push(body);
    bytes.end();
    this.#resolve({ status, header, body: bytes, trailer: new Headers() });
  }

  #aborted(): void {
    this.#over();
    this.#reject(this.#signal?.reason ?? new ConnectError("given up", Code.Canceled));
    this.#connection.carry("up", this.#lane, () => this.#server.giveUp());
  }

  #over(): void {
    this.#connection.atClient.delete(this);
    this.#signal?.removeEventListener("abort", this.#onAbort);
  }

  /** What was sent. */
  get message(): UnaryMessage {
    return this.#message;
  }
}

/** The server's side of a unary call. */
export class ServedUnary implements Exchange {
  readonly #port: ServerPort;
  readonly #message: UnaryMessage;
  readonly #abort = new AbortController();
  #reply: ((reply: UnaryReply) => void) | undefined;

  constructor(port: ServerPort, message: UnaryMessage, reply: (reply: UnaryReply) => void) {
    this.#port = port;
    this.#message = message;
    this.#reply = reply;
  }

  serve(): void {
    if (this.#abort.signal.aborted) return;
    void this.#serve();
  }

  /** The reply gets lost. */
  drop(): void {
    this.#reply = undefined;
  }

  giveUp(): void {
    this.lost(new ConnectError("the client has gone", Code.Canceled));
  }

  lost(error: ConnectError): void {
    this.#reply = undefined;
    this.#abort.abort(error);
  }

  async #serve(): Promise<void> {
    const { url, method, header, body, principal } = this.#message;
    const handler = this.#port.handler(new URL(url).pathname);
    if (handler === undefined) throw new Error(`nobody handles ${url}`);
    const bytes = new ByteQueue();
    bytes.push(body);
    bytes.end();
    const contextValues = createContextValues();
    contextValues.set(principalKey, principal);
    try {
      const response = await handler({
        httpVersion: "2",
        url,
        method,
        header: new Headers(header),
        body: bytes,
        signal: this.#abort.signal,
        contextValues,
      });
      const reply = {
        status: response.status,
        header: new Headers(response.header),
        body: await collected(response.body),
      };
      this.#reply?.(reply);
    } catch {
      // The call was given up or its connection cut: there is nobody to tell.
    }
  }
}
