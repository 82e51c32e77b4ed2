import { create } from "@bufbuild/protobuf";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import {
  AttachRequestSchema,
  type SessionRef,
  SessionRefSchema,
  SessionService,
} from "@lockstep/protocol";
import { realTime } from "../real-time.ts";

const EVERY_MS = 200;

/** How a renewer's keep-alives travel. */
export const renewerWays = {
  "Attach over HTTP/2": { attach: true, transport: http2 },
  "unary calls over HTTP/2": { attach: false, transport: http2 },
  "unary calls over gRPC": { attach: false, transport: createGrpcTransport },
  // Each unanswered call needs a connection of its own: the server has yet to accept it.
  "unary calls over HTTP/1.1": { attach: false, transport: http1 },
  "unary calls over gRPC-web": {
    attach: false,
    transport: ({ baseUrl }: Base) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1" }),
  },
} as const;

/** One of the ways. */
export type RenewerWay = keyof typeof renewerWays;

interface Base {
  readonly baseUrl: string;
}

/**
 * A session that is renewed again and again, whether or not anybody answers. Unlike our client it has no deadline of
 * its own, so while the server stands still its renewals lie unread.
 */
export class Renewer {
  readonly way: RenewerWay;
  readonly sessionId: bigint;
  readonly #session: SessionRef;
  readonly #transport: Transport;
  #lastSentMs = performance.now();
  #longestGapMs = 0;
  #stopped = false;
  #running: Promise<void> | undefined;

  private constructor(way: RenewerWay, transport: Transport, session: SessionRef) {
    this.way = way;
    this.#transport = transport;
    this.#session = session;
    this.sessionId = session.sessionId;
  }

  /** Opens a session and renews it until `stop`. */
  static async start(baseUrl: string, way: RenewerWay, ttlMs: number): Promise<Renewer> {
    const transport = renewerWays[way].transport({ baseUrl });
    const namespace = "default";
    const secret = crypto.getRandomValues(new Uint8Array(32));
    const request = { namespace, secret, ttlMs: BigInt(ttlMs), displayName: way };
    const { sessionId } = await createClient(SessionService, transport).openSession(request);
    const session = create(SessionRefSchema, { namespace, secret, sessionId });
    const renewer = new Renewer(way, transport, session);
    renewer.#running = renewerWays[way].attach ? renewer.#attached() : renewer.#unary();
    return renewer;
  }

  /** The longest time between two renewals that were sent, milliseconds: no longer one is the server's fault. */
  get longestGapMs(): number {
    return this.#longestGapMs;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #unary(): Promise<void> {
    const client = createClient(SessionService, this.#transport);
    const { signal, abort } = abortable();
    for await (const seq of this.#beats()) {
      // Whether it was answered in time is the history's to tell.
      client.keepAlive({ session: this.#session, seq }, { signal }).catch(() => {});
    }
    abort();
  }

  async #attached(): Promise<void> {
    const client = createClient(SessionService, this.#transport);
    const { signal, abort } = abortable();
    const replies = client.attach(this.#frames(), { signal });
    try {
      for await (const _ of replies) if (this.#stopped) break;
    } catch {
      // As above.
    }
    abort();
  }

  async *#frames() {
    yield create(AttachRequestSchema, { open: this.#session });
    for await (const seq of this.#beats()) {
      const calls = [{ callId: seq, request: { case: "keepAlive" as const, value: { seq } } }];
      yield create(AttachRequestSchema, { calls } as never);
    }
  }

  async *#beats(): AsyncGenerator<bigint> {
    for (let seq = 1n; !this.#stopped; seq += 1n) {
      const nowMs = performance.now();
      this.#longestGapMs = Math.max(this.#longestGapMs, nowMs - this.#lastSentMs);
      this.#lastSentMs = nowMs;
      yield seq;
      await realTime(EVERY_MS, "between two renewals of a session");
    }
  }
}

function abortable() {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}

function http2({ baseUrl }: Base): Transport {
  return createConnectTransport({ baseUrl, httpVersion: "2" });
}

function http1({ baseUrl }: Base): Transport {
  return createConnectTransport({ baseUrl, httpVersion: "1.1" });
}
