import { create } from "@bufbuild/protobuf";
import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { LockService, type SessionRef, SessionRefSchema, SessionService } from "@lockstep/protocol";
import type { Attempt, CallKind, ItemReplies, Replies, Requests, Way } from "../calls/call.ts";
import { faultOf, transportFault } from "../calls/fault.ts";
import type { Clock, Timer } from "../ports/clock.ts";
import { Slots } from "./slots.ts";

/** Long polls open at once: half of the streams that a server allows on one connection. */
export const LONG_POLLS_MAX = 64;
/** How long a poll stays open. Below the server's default deadline of 30 s. */
export const POLL_TIMEOUT_MS = 25_000;
/** While more wait than may poll, the oldest polls make room for them after each such interval. */
export const POLL_ROTATION_MS = 1_000;
/** Acquires and conversions that ask for an answer at once, open at once. */
export const SHORT_WAITS_MAX = 48;
/** Releases, cancels, transfers, values and reads open at once on the control connection. Keep-alives never wait for them. */
export const CONTROL_CALLS_MAX = 64;
/** How long an attempt of anything but a long poll may take. */
export const ATTEMPT_TIMEOUT_MS = 5_000;

/** What may wait for its turn. */
type WaitingKind = "acquire" | "convert";
type Invoke = (signal: AbortSignal) => Promise<Replies[CallKind]>;

/**
 * The way of one call per request, for where Attach is not possible. Acquires and conversions, which may wait,
 * use one connection; keep-alive, release and cancel another, so that they never queue behind waiters.
 */
export class UnaryWay implements Way {
  readonly #clock: Clock;
  readonly #session: SessionRef;
  readonly #polls: Client<typeof LockService>;
  readonly #locks: Client<typeof LockService>;
  readonly #sessions: Client<typeof SessionService>;
  readonly #longPolls = new Slots(LONG_POLLS_MAX);
  readonly #shortWaits = new Slots(SHORT_WAITS_MAX);
  readonly #control = new Slots(CONTROL_CALLS_MAX);
  readonly #keepAlives = new Slots(Number.POSITIVE_INFINITY);
  // Acquires and conversions that have been told they are queued: their next attempt is a long poll.
  readonly #queued = new Set<bigint>();
  // Long polls that are open, the oldest first, and how to make each end.
  readonly #openPolls = new Set<() => void>();
  #rotation: Timer | undefined;
  #successes = 0;

  constructor(
    clock: Clock,
    session: Pick<SessionRef, "namespace" | "sessionId" | "secret">,
    transport: Transport,
    controlTransport: Transport,
  ) {
    this.#clock = clock;
    this.#session = create(SessionRefSchema, session);
    this.#polls = createClient(LockService, transport);
    this.#locks = createClient(LockService, controlTransport);
    this.#sessions = createClient(SessionService, controlTransport);
  }

  /** How many calls have been answered. */
  get successes(): number {
    return this.#successes;
  }

  /** The session is over: what has not been sent yet is not sent any more. */
  dropWaiting(): void {
    for (const slots of [this.#longPolls, this.#shortWaits, this.#control]) slots.dropWaiting();
  }

  send<K extends CallKind>(kind: K, request: Requests[K], attempt: Attempt<K>): () => void {
    request.session = this.#session;
    if (kind === "acquire" || kind === "convert") {
      return this.#waits(kind, request as never, attempt as never);
    }
    if (kind === "cancelAcquire") {
      this.#queued.delete((request as Requests["cancelAcquire"]).acquireRequestId);
    }
    const slots = kind === "keepAlive" ? this.#keepAlives : this.#control;
    const invoke = this.#invoke(kind, request);
    return this.#run(slots, invoke, attempt, ATTEMPT_TIMEOUT_MS);
  }

  /** A request that may wait: asked first for an answer at once, then by long polls. */
  #waits<K extends WaitingKind>(kind: K, request: Requests[K], attempt: Attempt<K>): () => void {
    const { requestId } = request;
    const invoke: Invoke = (signal) =>
      kind === "acquire"
        ? this.#polls.acquire(request as Requests["acquire"], { signal })
        : this.#polls.convert(request as Requests["convert"], { signal });
    const noting: Attempt<K> = {
      reply: (reply) => {
        if (reply.outcome.case === "queued") this.#queued.add(requestId);
        else this.#queued.delete(requestId);
        attempt.reply(reply as ItemReplies[K]);
      },
      fault: (fault) => attempt.fault(fault),
    };
    if (!this.#queued.has(requestId)) {
      return this.#run(this.#shortWaits, invoke, noting, ATTEMPT_TIMEOUT_MS);
    }
    request.pollTimeoutMs = BigInt(POLL_TIMEOUT_MS);
    return this.#longPoll(invoke, noting);
  }

  #longPoll<K extends WaitingKind>(invoke: Invoke, attempt: Attempt<K>): () => void {
    const giveWay = () => {
      stop();
      attempt.fault(transportFault("this poll makes room for another"));
    };
    const open: Invoke = (signal) => {
      this.#openPolls.add(giveWay);
      return invoke(signal).finally(() => this.#openPolls.delete(giveWay));
    };
    const stop = this.#run(this.#longPolls, open, attempt, POLL_TIMEOUT_MS + ATTEMPT_TIMEOUT_MS);
    this.#rotate();
    return stop;
  }

  /** A grant of somebody who cannot poll would go unnoticed: everybody gets a turn. */
  #rotate(): void {
    if (this.#rotation || this.#longPolls.waiting === 0) return;
    this.#rotation = this.#clock.after(POLL_ROTATION_MS, () => {
      this.#rotation = undefined;
      const oldest = [...this.#openPolls].slice(0, this.#longPolls.waiting);
      for (const giveWay of oldest) giveWay();
      this.#rotate();
    });
  }

  #invoke<K extends CallKind>(kind: K, request: Requests[K]): Invoke {
    const calls: { [C in Exclude<CallKind, WaitingKind>]: Invoke } = {
      keepAlive: (signal) => this.#sessions.keepAlive(request as never, { signal }),
      closeSession: (signal) => this.#sessions.closeSession(request as never, { signal }),
      getSession: (signal) => this.#sessions.getSession(request as never, { signal }),
      release: (signal) => this.#locks.release(request as never, { signal }),
      cancelAcquire: (signal) => this.#locks.cancelAcquire(request as never, { signal }),
      transfer: (signal) => this.#locks.transfer(request as never, { signal }),
      setValue: (signal) => this.#locks.setValue(request as never, { signal }),
    };
    return calls[kind as Exclude<CallKind, WaitingKind>];
  }

  #run<K extends CallKind>(
    slots: Slots,
    invoke: Invoke,
    attempt: Attempt<K>,
    timeoutMs: number,
  ): () => void {
    const controller = new AbortController();
    let listening = true;
    const end = (tell: () => void) => {
      if (!listening) return;
      listening = false;
      timer?.cancel();
      giveBack();
      tell();
    };
    let timer: { cancel(): void } | undefined;
    const start = () => {
      timer = this.#clock.after(timeoutMs, () => {
        end(() => attempt.fault(transportFault(`no answer within ${timeoutMs} ms`)));
        controller.abort();
      });
      invoke(controller.signal).then(
        (reply) => {
          this.#successes += 1;
          end(() => attempt.reply(reply as ItemReplies[K]));
        },
        (error: unknown) => end(() => attempt.fault(faultOf(error))),
      );
    };
    const giveBack = slots.take(start);
    return () => {
      end(() => {});
      controller.abort();
    };
  }
}
