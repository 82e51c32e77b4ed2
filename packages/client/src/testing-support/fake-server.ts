import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, createRouterTransport, type Transport } from "@connectrpc/connect";
import {
  type AttachCall,
  type AttachReply,
  AttachReplySchema,
  type AttachRequest,
  type AttachResponse,
  AttachResponseSchema,
  type ErrorReason,
  type Event,
  errorDetailOf,
  LockService,
  OpenSessionResponseSchema,
  refusal,
  ServerService,
  SessionService,
  WatchResponseSchema,
} from "@lockstep/protocol";
import type { CallKind, Replies, Requests } from "../calls/call.ts";
import type { Arrival, Meddling } from "./arrival.ts";
import { type FakeSession, FakeState } from "./fake-state.ts";

type Answer = (reply: AttachReply["reply"]) => void;

interface Stream {
  readonly session: FakeSession;
  readonly push: (response: AttachResponse) => void;
  readonly end: (error: unknown) => void;
}

/** A scripted server in this process: does what a test tells it, also to the messages on their way. */
export class FakeServer {
  readonly state = new FakeState();
  readonly arrivals: Arrival[] = [];
  /** How many calls each frame of an Attach carried. */
  readonly frameSizes: number[] = [];
  /** Decides what happens to each request and its reply. */
  meddle: (arrival: Arrival) => Meddling = () => undefined;
  /** Changes a reply on its way. */
  // biome-ignore lint/suspicious/noExplicitAny: tests forge replies of every kind
  forge: (kind: Arrival["kind"], reply: any) => void = () => {};
  /** Answers what an Attach carries about datasets, or does not. */
  datasets: (request: AttachCall["request"], reply: Answer) => void = () => {};
  /** False: nobody answers. */
  reachable = true;
  /** Every reply of an Attach arrives twice. */
  twice = false;
  /** What Attach fails with, instead of opening. */
  attachError: ConnectError | undefined;
  readonly #streams = new Set<Stream>();
  readonly #watches = new Set<{ wake: () => void; cut: boolean }>();

  transport(): Transport {
    return createRouterTransport(({ service }) => {
      service(SessionService, {
        openSession: (request) => this.#open(request),
        keepAlive: (request) => this.#unary("keepAlive", request),
        closeSession: (request) => this.#unary("closeSession", request),
        getSession: (request) => this.#unary("getSession", request),
        attach: (requests) => this.#attach(requests),
      });
      service(LockService, {
        acquire: (request) => this.#unary("acquire", request),
        release: (request) => this.#unary("release", request),
        cancelAcquire: (request) => this.#unary("cancelAcquire", request),
        convert: (request) => this.#unary("convert", request),
        transfer: (request) => this.#unary("transfer", request),
        setValue: (request) => this.#unary("setValue", request),
        watch: (request) => this.#watch(request.afterRevision ?? this.state.revision),
        getLock: (request) => {
          this.#arrived("getLock", "unary", request);
          return { header: this.state.header(), lock: { key: request.key } };
        },
      });
      service(ServerService, {
        getServerInfo: () => ({ namespace: { revision: this.state.revision } }),
      });
    });
  }

  /** The only session, or the newest. */
  get session(): FakeSession {
    const session = [...this.state.sessions.values()].at(-1);
    if (!session) throw new Error("no session has been opened");
    return session;
  }

  /** The arrivals of one kind, as requests. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into requests of every kind
  requests(kind: Arrival["kind"]): any[] {
    return this.arrivals.filter((arrival) => arrival.kind === kind).map(({ request }) => request);
  }

  /** Cuts every Attach as a lost connection does. */
  cut(): void {
    for (const stream of this.#streams) stream.end(new ConnectError("cut", Code.Aborted));
  }

  /** Cuts every watch as a lost connection does. */
  cutWatches(): void {
    for (const watch of this.#watches) {
      watch.cut = true;
      watch.wake();
    }
  }

  /** Appends an event and shows it to the watches. */
  happen(): Event {
    const event = this.state.append({ case: "delayEnded", value: {} });
    for (const { wake } of this.#watches) wake();
    return event;
  }

  /** Ends every Attach with a reason. */
  endStreams(code: Code, reason: ErrorReason): void {
    for (const stream of this.#streams) stream.end(refusal(code, reason, "ended"));
  }

  /** Pushes news on every Attach of the newest session. */
  push(...news: Event[]): void {
    this.pushTo(this.session, ...news);
  }

  /** Pushes news on every Attach of a session. */
  pushTo(to: FakeSession, ...news: Event[]): void {
    for (const { session, push } of this.#streams) {
      if (session === to) push(create(AttachResponseSchema, { news }));
    }
  }

  /** The server starts again on what it had written: its connections are gone, its epoch is new. */
  restart(): void {
    this.state.epoch += 1n;
    this.state.revision += 1n;
    this.cut();
  }

  async #open(request: Requests["getSession"] | { secret: Uint8Array; ttlMs: bigint }) {
    const { secret, ttlMs } = request as { secret: Uint8Array; ttlMs: bigint };
    const arrival = this.#arrived("openSession", "unary", request);
    const meddling = this.#meddle(arrival);
    const session = this.state.open(secret, ttlMs);
    const reply = create(OpenSessionResponseSchema, {
      header: this.state.header(),
      sessionId: session.id,
      ttlMs: session.ttlMs,
    });
    this.forge("openSession", reply);
    await this.#afterwards(meddling);
    return reply;
  }

  async #unary<K extends CallKind>(kind: K, request: Requests[K]): Promise<Replies[K]> {
    const meddling = this.#meddle(this.#arrived(kind, "unary", request));
    const session = this.#sessionOf(request.session?.sessionId);
    const reply = await new Promise<Replies[K]>((resolve) => {
      this.state.decide(session, kind, request, resolve);
    });
    this.forge(kind, reply);
    await this.#afterwards(meddling);
    return reply;
  }

  #arrived(kind: Arrival["kind"], via: Arrival["via"], request: unknown): Arrival {
    if (!this.reachable) throw new ConnectError("connection refused", Code.Unavailable);
    const arrival = { kind, via, request };
    this.arrivals.push(arrival);
    return arrival;
  }

  #meddle(arrival: Arrival): Meddling {
    const meddling = this.meddle(arrival);
    if (meddling === "loseRequest") throw new ConnectError("cut", Code.Aborted);
    if (meddling instanceof Error) throw meddling;
    return meddling;
  }

  async #afterwards(meddling: Meddling): Promise<void> {
    if (meddling === "loseReply") throw new ConnectError("cut", Code.Aborted);
    await meddling;
  }

  #sessionOf(id: bigint | undefined): FakeSession {
    const session = this.state.sessions.get(id ?? 0n);
    if (!session) throw new ConnectError("no such session", Code.Internal);
    return session;
  }

  async *#watch(afterRevision: bigint) {
    this.#meddle(this.#arrived("watch", "unary", { afterRevision }));
    const watch = { wake: () => {}, cut: false };
    this.#watches.add(watch);
    let cursor = afterRevision;
    try {
      for (;;) {
        const events = this.state.events.filter(({ revision }) => revision > cursor);
        if (events.length > 0) {
          cursor = this.state.revision;
          const response = create(WatchResponseSchema, { header: this.state.header(), events });
          this.forge("watch", response);
          yield response;
        }
        if (watch.cut) throw new ConnectError("cut", Code.Aborted);
        if (events.length > 0) continue;
        await new Promise<void>((resolve) => {
          watch.wake = resolve;
        });
      }
    } finally {
      this.#watches.delete(watch);
    }
  }

  async *#attach(requests: AsyncIterable<AttachRequest>): AsyncGenerator<AttachResponse> {
    this.#arrived("attach", "attach", undefined);
    if (this.attachError) throw this.attachError;
    const waiting: AttachResponse[] = [];
    let wake = () => {};
    let failure: { error: unknown } | undefined;
    let stream: Stream | undefined;
    const end = (error: unknown) => {
      failure ??= { error };
      if (stream) this.#streams.delete(stream);
      wake();
    };
    const push = (response: AttachResponse) => {
      waiting.push(response);
      wake();
    };
    const read = async () => {
      for await (const frame of requests) {
        if (frame.open) {
          stream = { session: this.#sessionOf(frame.open.sessionId), push, end };
          this.#streams.add(stream);
          push(create(AttachResponseSchema, { opened: this.state.header() }));
        }
        this.frameSizes.push(frame.calls.length);
        for (const call of frame.calls) if (stream) this.#item(stream, call);
      }
    };
    read().catch(end);
    try {
      for (;;) {
        const next = waiting.shift();
        if (next) yield next;
        else if (failure) throw failure.error;
        else {
          await new Promise<void>((resolve) => {
            wake = resolve;
          });
        }
      }
    } finally {
      if (stream) this.#streams.delete(stream);
    }
  }

  #item(stream: Stream, { callId, request }: AttachCall): void {
    const kind = request.case;
    if (kind === undefined || kind === "checkFence" || kind === "requestRelease") return;
    const reply = (reply: AttachReply["reply"]) => {
      const replies = [create(AttachReplySchema, { callId, reply })];
      stream.push(create(AttachResponseSchema, { replies }));
      if (this.twice) stream.push(create(AttachResponseSchema, { replies }));
    };
    if (kind === "append" || kind === "ack") {
      this.datasets(request, reply);
      return;
    }
    try {
      const meddling = this.#meddle(this.#arrived(kind, "attach", request.value));
      this.state.attached(() =>
        this.state.decide(stream.session, kind, request.value as never, (value) => {
          this.forge(kind, value);
          this.#afterwards(meddling).then(
            () => reply({ case: kind, value } as AttachReply["reply"]),
            stream.end,
          );
        }),
      );
    } catch (error) {
      const detail = errorDetailOf(error);
      if (!detail) stream.end(error);
      else {
        const { code, rawMessage: message } = ConnectError.from(error);
        reply({
          case: "error",
          value: { $typeName: "lockstep.v1.AttachError", code, message, detail },
        });
      }
    }
  }
}
