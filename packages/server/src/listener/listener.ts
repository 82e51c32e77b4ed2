import { createServer as createHttp1Server, type Server as Http1Server } from "node:http";
import {
  createServer as createHttp2Server,
  type Http2Server,
  type ServerHttp2Session,
} from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { Limits } from "@lockstep/protocol";
import type { Clock } from "../ports/clock.ts";
import { lookAtFirstBytes } from "./first-bytes.ts";
import type { requestListener } from "./request-listener.ts";
import { retireWhenSpent, SESSION_MEMORY_MB } from "./spent-connections.ts";

/** How slowly an HTTP/1.1 client may send; HTTP/2 has deadlines per call. */
interface Patience {
  /** For the headers of a request, milliseconds. */
  readonly headersMs: number;
  /** For a whole request, milliseconds. */
  readonly requestMs: number;
  /** How often is looked, milliseconds. */
  readonly checkEachMs: number;
}

const PATIENCE: Patience = { headersMs: 10_000, requestMs: 60_000, checkEachMs: 1_000 };
const IDLE_HTTP1_MS = 60_000;
const TCP_KEEP_ALIVE_MS = 30_000;
// How many streams a connection may open and cancel: at once, and per second in the long run.
const STREAM_RESET_BURST = 1_000;
const STREAM_RESETS_PER_SECOND = 33;
const HEADER_PAIRS = 128;

/** What a listener needs. */
export interface ListenerOptions {
  readonly host: string;
  /** 0 lets the system choose. */
  readonly port: number;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly onRequest: ReturnType<typeof requestListener>;
  /** Default: 10 s for headers, 60 s for a request. */
  readonly patience?: Patience;
}

/** One port that speaks HTTP/2 and HTTP/1.1 without TLS. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #http1: Http1Server;
  readonly #http2: Http2Server;
  readonly #sockets = new Set<Socket>();
  readonly #undecided = new Set<Socket>();
  readonly #sessions = new Set<ServerHttp2Session>();
  #stopping = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#http1 = newHttp1Server(options);
    this.#http2 = newHttp2Server(options);
    this.#http2.on("session", (session) => this.#keep(session));
    this.#http1.on("request", (_, response) => {
      response.once("close", () => this.#options.clock.afterTurn(() => this.#endIdle()));
    });
    // The HTTP/1.1 server owns the port, so that its own time limits run; what it does with a new
    // connection happens only after the first bytes have been seen.
    const takeHttp1 = this.#http1.listeners("connection") as ((socket: Socket) => void)[];
    this.#http1.removeAllListeners("connection");
    this.#http1.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      this.#undecided.add(socket);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        this.#undecided.delete(socket);
      });
      socket.setNoDelay(true);
      socket.setKeepAlive(true, TCP_KEEP_ALIVE_MS);
      lookAtFirstBytes(socket, options.clock, (version) => {
        this.#undecided.delete(socket);
        if (version === "http2") {
          // As in Node's own HTTP/2 server, whose sessions end when the client hangs up.
          socket.allowHalfOpen = false;
          this.#http2.emit("connection", socket);
        } else {
          for (const take of takeHttp1) take.call(this.#http1, socket);
          socket.resume();
        }
      });
    });
  }

  /** Starts to listen. Rejects when the address cannot be listened on. */
  listen(): Promise<AddressInfo> {
    const { host, port, limits } = this.#options;
    // After a restart all clients come at once. Whoever finds the queue of connections full is not refused but left to
    // ask again after ever longer pauses, of which the first few may outlast its session.
    const backlog = limits.max_connections;
    return new Promise((resolve, reject) => {
      this.#http1.once("error", reject);
      this.#http1.listen({ host, port, backlog }, () => {
        this.#http1.off("error", reject);
        resolve(this.#http1.address() as AddressInfo);
      });
    });
  }

  /** Connections open now. */
  get connections(): number {
    return this.#sockets.size;
  }

  /** Accepts no more connections, and tells the open ones to send no more requests. */
  stopAccepting(): void {
    this.#stopping = true;
    this.#http1.close();
    this.#endIdle();
    for (const socket of this.#undecided) socket.destroy();
    for (const session of this.#sessions) session.close();
  }

  /** Settles when all connections are gone. */
  drained(): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (this.#sockets.size === 0) resolve();
      };
      for (const socket of this.#sockets) socket.on("close", () => queueMicrotask(look));
      look();
    });
  }

  /** Cuts the connections that are left. */
  destroy(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  /** HTTP/1.1 connections between two requests; those with one under way come here after it. */
  #endIdle(): void {
    if (this.#stopping) this.#http1.closeIdleConnections();
  }

  #keep(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.on("close", () => this.#sessions.delete(session));
    session.on("error", () => session.destroy());
    retireWhenSpent(session);
  }
}

function newHttp1Server({ limits, onRequest, patience = PATIENCE }: ListenerOptions): Http1Server {
  const server = createHttp1Server(
    {
      maxHeaderSize: limits.max_header_bytes,
      headersTimeout: patience.headersMs,
      requestTimeout: patience.requestMs,
      connectionsCheckingInterval: patience.checkEachMs,
      keepAliveTimeout: IDLE_HTTP1_MS,
    },
    onRequest,
  );
  server.maxConnections = limits.max_connections;
  return server;
}

function newHttp2Server({ limits, onRequest }: ListenerOptions): Http2Server {
  return createHttp2Server(
    {
      maxSessionMemory: SESSION_MEMORY_MB,
      maxHeaderListPairs: HEADER_PAIRS,
      streamResetBurst: STREAM_RESET_BURST,
      streamResetRate: STREAM_RESETS_PER_SECOND,
      settings: {
        maxConcurrentStreams: limits.max_concurrent_streams,
        maxHeaderListSize: limits.max_header_bytes,
        enablePush: false,
      },
    },
    onRequest,
  );
}
